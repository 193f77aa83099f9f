"""Fixtures that most tests of landings use."""

from __future__ import annotations

import os

import pytest

from framework.publish import lock


@pytest.fixture
def no_fsync(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare the disk: there are thousands of landings, and no loss of power among their faults."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture
def other_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let landings of other pids be in other processes, which do not see what this one holds."""

    class Unseen(dict[str, str]):
        def __contains__(self, _: object) -> bool:
            return False

    monkeypatch.setattr(lock, "_held", Unseen())
