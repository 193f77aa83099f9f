"""Fixtures that tests of several folders share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from orch_dagster.control.connect import open_store
from orch_dagster.control.store import ControlStore
from orch_dagster.settings import Settings, load_settings


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh ORCH_HOME; nothing of the machine's own settings reaches the test."""
    for name in [*os.environ]:
        if name.upper().startswith(("ORCH_", "DAGSTER_")):
            monkeypatch.delenv(name)
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("ORCH_HOME", str(folder))
    return folder


@pytest.fixture
def settings(home: Path) -> Settings:
    """The settings of that home, with no variable but ORCH_HOME set."""
    return load_settings()


@pytest.fixture
def store(settings: Settings) -> Iterator[ControlStore]:
    """The embedded store of that home, its five tables there and empty."""
    opened = open_store(settings.control_url, settings.home)
    opened.ensure_tables()
    yield opened
    opened.close()
