"""Fixtures of these tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import DagsterInstance


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An instance's folder, with signs that a file's URI has its own use for."""
    folder = tmp_path / "50% of #1"
    folder.mkdir()
    return folder


@pytest.fixture
def instance(home: Path) -> Iterator[DagsterInstance]:
    """An instance in files."""
    with DagsterInstance.local_temp(str(home)) as made:
        yield made
