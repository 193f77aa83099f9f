"""Keep a terminal's keys from a process, and give it its priority, on each system."""

from __future__ import annotations

import subprocess
import sys

import pytest

from orch_dagster.spark.terminal import away_from_terminal


@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_a_session_of_its_own(platform: str) -> None:
    options = away_from_terminal(has_low_priority=True, platform=platform)
    assert options == {"start_new_session": True, "creationflags": 0}


def test_a_console_of_its_own_on_windows() -> None:
    """Ctrl-Break reaches each process of a console, in whatever group."""
    options = away_from_terminal(platform="win32")
    assert options == {"start_new_session": False, "creationflags": 0x0800_0200}


def test_a_low_priority_on_windows_is_there_from_the_start() -> None:
    """A venv's python.exe starts the real one before anybody could lower its own."""
    options = away_from_terminal(has_low_priority=True, platform="win32")
    assert options["creationflags"] == 0x0800_4200


@pytest.mark.skipif(sys.platform != "win32", reason="only Windows has the names")
def test_the_numbers_are_those_of_windows() -> None:
    names = ("CREATE_NEW_PROCESS_GROUP", "CREATE_NO_WINDOW", "BELOW_NORMAL_PRIORITY_CLASS")
    flags = sum(getattr(subprocess, name) for name in names)
    assert away_from_terminal(has_low_priority=True)["creationflags"] == flags
