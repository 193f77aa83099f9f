"""A home for commands that are given in the test's own process."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.homes import Home, copied_home


@pytest.fixture
def sample(_sample: Home, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of the test with the sample in it."""
    # A command that opens Dagster's instance leaves the variable to its process.
    monkeypatch.setenv("DAGSTER_HOME", str(home / ".orch" / "dagster"))
    return copied_home(_sample, home).folder
