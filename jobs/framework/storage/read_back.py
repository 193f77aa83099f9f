"""Read back the content of a file sink."""

from __future__ import annotations

from typing import TYPE_CHECKING

from framework.contract.formats import format_of
from framework.contract.paths import for_spark
from framework.plan import PlannedSink
from framework.secrets import resolved
from framework.storage.driver_listing import listed_by_driver
from framework.storage.partition_types import with_landed_types

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
    with listed_by_driver(spark, folder):
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
    """Read a date's folder with its own columns, and its partition columns as they were landed.

    If the date does not tell their types, they have those of `like`.

    Raises:
        pyspark.errors.AnalysisException: If the folder has no data.
        PartitionTypesError: If the file with their types can't be read.
    """
    return with_landed_types(
        read_folder(spark, planned, folder),
        folder,
        lambda schema: read_folder(spark, planned, folder, schema),
        unknown={field.name.lower(): field.dataType for field in like.fields},
    )
