"""Fixtures of these tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import DagsterInstance

# Neither captures the output of steps nor sends telemetry: both start processes.
QUIET = {
    "compute_logs": {
        "module": "dagster._core.storage.noop_compute_log_manager",
        "class": "NoOpComputeLogManager",
    },
    "telemetry": {"enabled": False},
}


@pytest.fixture
def instance_home(tmp_path: Path) -> Path:
    """An instance's folder, with signs that a file's URI has its own use for."""
    folder = tmp_path / "50% of #1"
    folder.mkdir()
    return folder


@pytest.fixture
def stored(instance_home: Path) -> Iterator[DagsterInstance]:
    """An instance in files, for another one to read them too."""
    with DagsterInstance.local_temp(str(instance_home), QUIET) as made:
        yield made


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    """An instance in memory."""
    with DagsterInstance.ephemeral() as made:
        yield made
