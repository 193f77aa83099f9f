"""The data root of the tests of landing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.landing_home import Home

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture
def home(tmp_path: Path, spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A data root of the test's own, to land in without a new process."""
    return Home(tmp_path, spark, monkeypatch)
