"""The fixtures, and the jobs' folder on sys.path."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orch_dagster.control.tables import Row
from orch_dagster.errors import SettingsError
from orch_dagster.settings import load_settings
from orch_dagster.testing.errors import KitError
from orch_dagster.testing.landing import Landing
from orch_dagster.testing.registry import read_rows
from orch_dagster.testing.spark import local_spark, session_with

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def pytest_configure() -> None:
    """Put ORCH_JOBS_DIR on sys.path, as spark-submit does, so that tests can import `framework`."""
    try:
        jobs_dir = str(load_settings().jobs_dir)
    except SettingsError as error:
        raise pytest.UsageError(str(error)) from error
    if jobs_dir not in sys.path:
        sys.path.insert(0, jobs_dir)


@pytest.fixture(scope="session")
def landing_registry() -> Sequence[Path | Mapping[str, Sequence[Row]]]:
    """Return the files for `orch apply` that hold the rows of jobs; override it with yours.

    A mapping of table names to rows may take the place of a file.
    """
    return ()


@pytest.fixture(scope="session")
def landing_spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """Start the local Spark that all tests of the process share; override it to use your own."""
    jobs_dir = load_settings().jobs_dir
    _require_framework(jobs_dir)
    with local_spark(tmp_path_factory.mktemp("landing_spark"), jobs_dir) as spark:
        yield spark


@pytest.fixture
def landing(
    tmp_path: Path,
    landing_spark: SparkSession,
    landing_registry: Sequence[Path | Mapping[str, Sequence[Row]]],
) -> Iterator[Landing]:
    """Yield a Landing, which runs jobs and HQL files on what the test gives.

    Tables that the test creates are dropped at its end.
    """
    from framework.catalog import tables_of_its_own

    rows, settings = read_rows(landing_registry), load_settings()
    spark = session_with(landing_spark, {})
    with tables_of_its_own(spark):
        yield Landing(spark, tmp_path / "landing", rows=rows, settings=settings)


def _require_framework(jobs_dir: Path) -> None:
    if importlib.util.find_spec("framework") is None:
        raise KitError(
            f"{jobs_dir} has no package framework: set ORCH_JOBS_DIR to the folder that holds it "
            "and the jobs' scripts"
        )
