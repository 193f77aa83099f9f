"""Read sources. All readers have one signature; relative paths start at JOB_BASE_DIR."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from framework.read.open_source import read_source as read_source

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def read_csv(
    spark: SparkSession,
    path: str,
    *,
    schema: str | None = None,
    options: Mapping[str, str] | None = None,
) -> DataFrame:
    """Read CSV files with Spark's defaults (no header, every column a string)."""
    return read_source(spark, "csv", path, schema=schema, options=options)


def read_orc(
    spark: SparkSession,
    path: str,
    *,
    schema: str | None = None,
    options: Mapping[str, str] | None = None,
) -> DataFrame:
    """Read an ORC table, with its partition folders as columns."""
    return read_source(spark, "orc", path, schema=schema, options=options)
