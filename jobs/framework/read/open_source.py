"""Open a source of any format as a lazy frame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from framework.columns import schema_of
from framework.contract.context_params import spelled
from framework.contract.formats import CSV, format_of
from framework.contract.paths import base_location, for_spark, resolve
from framework.java_charsets import check_charsets
from framework.params import table_options
from framework.read.headers import check_headers, schema_of_headers
from framework.read.opened_files import OpenedFiles
from framework.read.source_look import SourceLook
from framework.secrets import resolved
from framework.shared_job import shared_job
from framework.storage.driver_listing import listed_by_driver
from framework.storage.file_heads import FileHeads
from framework.storage.partition_types import with_landed_types
from framework.storage.patterns import as_read
from framework.storage.routed import RoutedFileSystem

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import StructType


def read_source(
    spark: SparkSession,
    format: str,
    path: str,
    *,
    schema: str | StructType | None = None,
    options: Mapping[str, str] | None = None,
) -> DataFrame:
    """Read any format that the session knows; `schema` is Spark's DDL, or a StructType.

    For a table format (kudu, jdbc) `path` is the table's name, or empty if the options name what
    to read (kudu.table, dbtable, query). The headers of CSV files must be the schema's, unless the
    options have Spark's enforceSchema.

    Partition columns that a landing wrote have the types that were landed, unless `schema` has
    others; biz_dt is a text, or a date where the session has Spark infer the types of partitions.

    Raises:
        HeaderError: If the header of a CSV file is not the schema's, or without a schema another
            file's.
        pyspark.errors.AnalysisException: If the path is missing, or has no schema.
        ParamsError: If neither the options nor the session name Kudu's masters, an option is
            `env:NAME` and that variable is not set, or Java has no such encoding.
        PartitionTypesError: If a file with the types of partition columns can't be read.
    """
    return open_source(spark, format, path, schema=schema, options=options)


def open_source(
    spark: SparkSession,
    format: str,
    path: str,
    *,
    schema: str | StructType | None = None,
    options: Mapping[str, str] | None = None,
    look: SourceLook | None = None,
) -> DataFrame:
    """Read as read_source does, and check files that a landing's look at them left out.

    Raises:
        SourceFilesError: If such files can't be read as they are; names all.
        SourceGoneError: If a file disappeared.
    """
    # Scripts give values such as True, which Spark's reader takes too.
    given = spelled(resolved(options))
    reader = spark.read.format(format).options(**given)
    if schema:
        reader = reader.schema(schema)
    if format_of(format).is_table:
        return reader.options(**table_options(spark, format, path, given)).load()
    location = resolve(base_location(), path)
    check_charsets(spark, format, location, given)
    pattern, switches = as_read(RoutedFileSystem(spark), location)
    reader = reader.options(**switches)
    if (job := shared_job()) is not None:
        # Rows that a job keeps in memory would serve all equal reads of its application.
        reader = reader.option("orch.job", job.name)
    heads = FileHeads(spark, given, look.starts if look else None)
    if format_of(format) is CSV and not schema:
        found = schema_of_headers(spark, location, given, heads)
        reader = reader.schema(found) if found else reader
    with listed_by_driver(spark, location):
        rows = reader.load(for_spark(pattern))
    opened = OpenedFiles(rows, location, given)
    if look:
        look.check_others(opened, heads)
    if format_of(format) is CSV:
        check_headers(opened, heads, has_schema=bool(schema))
    if format_of(format).is_text and not opened.partition_names:
        return rows

    def load_typed(typed: StructType) -> DataFrame:
        with listed_by_driver(spark, location):
            return reader.schema(typed).load(for_spark(pattern))

    return with_landed_types(
        rows,
        location,
        load_typed,
        lambda: _names(spark, schema) if schema else (),
    )


def _names(spark: SparkSession, schema: str | StructType) -> list[str]:
    parsed = schema_of(spark, schema) if isinstance(schema, str) else schema
    return [name.lower() for name in parsed.names]
