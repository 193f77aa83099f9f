"""The kit as a team enables it, on the Spark that all tests of this process share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orch_dagster.control.tables import Row
from orch_dagster.sample.rows import sample_rows
from tests.registries import EXAMPLES

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture(scope="session")
def landing_registry() -> Sequence[Path | Mapping[str, Sequence[Row]]]:
    examples = ("chain", "prism")
    return [sample_rows(), *(EXAMPLES / name / "registry.yaml" for name in examples)]


@pytest.fixture(scope="session")
def landing_spark(spark_application: SparkSession) -> SparkSession:
    return spark_application
