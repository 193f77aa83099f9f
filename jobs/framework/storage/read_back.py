"""Read back the content of a file sink."""

from __future__ import annotations

from typing import TYPE_CHECKING

from framework.contract.formats import format_of
from framework.contract.paths import for_spark
from framework.plan import PlannedSink
from framework.secrets import resolved

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import StructType


def has_schema(planned: PlannedSink) -> bool:
    """Return whether the sink's files have their columns' names and types."""
    return format_of(planned.sink.format).tells_columns


def read_folder(
    spark: SparkSession, planned: PlannedSink, folder: str, schema: StructType | None = None
) -> DataFrame:
    """Read a folder in the sink's format; `schema` is required if the files have none.

    Raises:
        pyspark.errors.AnalysisException: If the folder has no data.
    """
    options = {**resolved(planned.sink.options), **format_of(planned.sink.format).read_back_options}
    reader = spark.read.format(planned.sink.format).options(**options)
    if schema is not None:
        reader = reader.schema(schema)
    return reader.load(for_spark(folder))


def columns_of(spark: SparkSession, planned: PlannedSink, folder: str) -> dict[str, str]:
    """Return the type of each column in the files, without partition columns.

    Raises:
        pyspark.errors.AnalysisException: If the folder has no data.
    """
    partitions = {name.lower() for name in planned.sink.partition_cols}
    dtypes = read_folder(spark, planned, folder).dtypes
    return {name: type_ for name, type_ in dtypes if name.lower() not in partitions}


def read_landed(
    spark: SparkSession, planned: PlannedSink, folder: str, like: StructType
) -> DataFrame:
    """Read a date's folder with its own columns, and its partition columns in `like`'s types.

    Spark would infer the latter from the folders' names.

    Raises:
        pyspark.errors.AnalysisException: If the folder has no data.
    """
    from pyspark.sql.types import StructField, StructType

    types = {field.name.lower(): field for field in like.fields}
    partitions = {name.lower() for name in planned.sink.partition_cols}
    fields = read_folder(spark, planned, folder).schema.fields
    return read_folder(
        spark,
        planned,
        folder,
        StructType(
            [
                StructField(each.name, types[each.name.lower()].dataType)
                if each.name.lower() in partitions and each.name.lower() in types
                else each
                for each in fields
            ]
        ),
    )
