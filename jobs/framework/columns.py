"""Columns by name, whatever characters the names hold, and schemas."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import Column, SparkSession
    from pyspark.sql.types import StructType


def column(*path: str) -> Column:
    """Return the column of that name; further names select a field of its struct."""
    from pyspark.sql import functions

    return functions.col(".".join(quoted(name) for name in path))


def quoted(name: str) -> str:
    """Quote a name for SQL."""
    return "`" + name.replace("`", "``") + "`"


def schema_of(spark: SparkSession, ddl: str) -> StructType:
    """Parse a schema in Spark's DDL, as its readers do.

    Raises:
        pyspark.errors.ParseException: If Spark can't parse it.
    """
    session: Any = spark
    return as_struct(session._jvm.org.apache.spark.sql.types.StructType.fromDDL(ddl))


def as_struct(schema: Any) -> StructType:
    """Return a schema of the JVM as Python's."""
    from pyspark.sql.types import StructType

    return StructType.fromJson(json.loads(schema.json()))
