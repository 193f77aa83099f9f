"""The fixtures, and the jobs' folder on sys.path."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orch_dagster.control.tables import Row
from orch_dagster.errors import SettingsError
from orch_dagster.settings import load_settings
from orch_dagster.testing.landing import Landing
from orch_dagster.testing.registry import read_rows
from orch_dagster.testing.spark import local_spark, session_with

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def pytest_configure() -> None:
    """Put the folders of jobs on sys.path, as spark-submit does, so that tests can import them."""
    try:
        folders = [str(folder) for folder in load_settings().module_path]
    except SettingsError as error:
        raise pytest.UsageError(str(error)) from error
    sys.path[:0] = [folder for folder in folders if folder not in sys.path]


@pytest.fixture(scope="session")
def landing_registry() -> Sequence[Path | Mapping[str, Sequence[Row]]]:
    """Return the files for `orch apply` that hold the rows of jobs; override it with yours.

    A mapping of table names to rows may take the place of a file.
    """
    return ()


@pytest.fixture(scope="session")
def landing_spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """Start the local Spark that all tests of the process share; override it to use your own."""
    module_path = load_settings().module_path
    with local_spark(tmp_path_factory.mktemp("landing_spark"), module_path) as spark:
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
