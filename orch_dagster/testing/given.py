"""Turn what a test gives as a source into a frame, or into a file that the job reads."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, Union

from framework.contract.formats import CSV, format_of
from orch_dagster.registry.context_params import Source
from orch_dagster.testing.errors import KitError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import StructType

Given: TypeAlias = Union[str, bytes, Path, Sequence[Mapping[str, Any]], "DataFrame"]
"""A file's content, a file or folder to copy, rows by column name, or a frame."""

# RFC 4180 in Spark's options; a row with too many or too few cells is an error.
CSV_TEXT = Source(
    format="csv",
    options={"header": "true", "multiLine": "true", "escape": '"', "mode": "FAILFAST"},
)
# The format for frames without a source, as it keeps every type.
FRAME = Source(format="parquet")

_GIVE_A_FRAME = 'give rows, or landing.frame(rows, "id INT, name STRING, …")'
# These select files, and the test gives the file itself.
_SELECTING = ("pathglobfilter", "modifiedbefore", "modifiedafter")
# Spark's writer trims cells by default.
_UNTRIMMED = {"ignoreLeadingWhiteSpace": False, "ignoreTrailingWhiteSpace": False}


def put(spark: SparkSession, given: Given, source: Source, folder: Path, name: str) -> Source:
    """Write what a test gives, and return the source that reads it.

    Its format and options are the job's own, so that they are tested too. A table has no files, so
    Parquet takes its place.

    Args:
        spark: The session that makes frames of rows.
        given: What the test gives.
        source: The job's own source.
        folder: The folder to write to; it need not exist.
        name: The view's name, row1, row2, …

    Raises:
        KitError: If the source can't be given in that form.
    """
    from pyspark.sql import DataFrame

    folder.mkdir(parents=True, exist_ok=True)
    is_table = format_of(source.format).is_table
    if isinstance(given, str | bytes | Path):
        if is_table:
            raise KitError(f"{name} is a table ({source.format}), not a file: {_GIVE_A_FRAME}")
        target = folder / f"{name}.{source.format}"
        _write_file(given, source, target, name)
        return _read_from(target, source)
    kept = FRAME if is_table else source
    rows = given if isinstance(given, DataFrame) else _rows_for(spark, given, source, name)
    target = folder / name
    _write_frame(rows, kept, target)
    return _read_from(target, kept)


def _read_from(target: Path, source: Source) -> Source:
    path = target.absolute().as_posix()
    return replace(source, path=path, options=_options(source))


def _options(source: Source) -> dict[str, str | int | float | bool]:
    return {key: value for key, value in source.options.items() if key.lower() not in _SELECTING}


def _write_file(given: str | bytes | Path, source: Source, target: Path, name: str) -> None:
    if isinstance(given, Path):
        if given.is_dir():
            shutil.copytree(given, target)
        elif given.is_file():
            # Under its own name, whose ending may name the compression.
            target.mkdir()
            shutil.copyfile(given, target / given.name)
        else:
            raise KitError(f"{name}: no such file: {given.absolute()}")
    elif isinstance(given, bytes):
        target.write_bytes(given)
    elif not format_of(source.format).is_text:
        raise KitError(f"{name} is {source.format}, which text can't be: {_GIVE_A_FRAME}")
    else:
        options = {key.lower(): str(value) for key, value in source.options.items()}
        encoding = options.get("encoding") or options.get("charset") or "utf-8"
        target.write_bytes(given.encode(encoding))


def _write_frame(rows: DataFrame, source: Source, target: Path) -> None:
    from framework.contract.paths import as_location, for_spark

    options = _options(source)
    if format_of(source.format) is CSV:
        options |= _UNTRIMMED
    writer = rows.coalesce(1).write.format(source.format).options(**options)
    writer.save(for_spark(as_location(str(target))))


def _rows_for(
    spark: SparkSession, given: Sequence[Mapping[str, Any]], source: Source, name: str
) -> DataFrame:
    """Return the rows as a frame that can be written in the source's format."""
    if not format_of(source.format).is_text:
        return frame_of(spark, given, source.schema, what=name)
    # The reader decides the types, and finds columns by the order of its schema.
    order = schema_of(spark, source.schema).names if source.schema else None
    return _inferred(spark, given, name, order=order, untyped="string")


def frame_of(
    spark: SparkSession,
    rows: Sequence[Mapping[str, Any]] | Sequence[Sequence[Any]],
    schema: str | None,
    *,
    what: str,
) -> DataFrame:
    """Make a frame of rows.

    Args:
        spark: The session.
        rows: Rows by column name, where an absent column is null; or in the order of `schema`.
        schema: Spark's DDL; None to infer the types from the values.
        what: The subject of error messages.

    Raises:
        KitError: If `schema` lacks a column, or the type of a column can't be inferred.
        pyspark.errors.PySparkException: If Spark refuses a value.
    """
    if schema is None:
        return _inferred(spark, rows, what)
    wanted = schema_of(spark, schema)
    return _typed(spark, [_cells(row, wanted.names, what) for row in rows], wanted, what)


def frame_of_text(spark: SparkSession, text: str, schema: str | None, folder: Path) -> DataFrame:
    """Make a frame of CSV text with a header; columns of `schema` that the text lacks are null.

    Args:
        spark: The session.
        text: The text.
        schema: Spark's DDL; None for strings in all columns.
        folder: A folder to write the text to.

    Raises:
        KitError: If `schema` lacks a column of the header.
    """
    from pyspark.sql import functions
    from pyspark.sql.types import StructType

    from framework.columns import column
    from framework.contract.paths import as_location, for_spark

    source = put(spark, text, CSV_TEXT, folder, "frame")
    location = for_spark(as_location(source.path))
    reader = spark.read.options(**source.options)
    if schema is None:
        return reader.csv(location)
    wanted = schema_of(spark, schema)
    header = next(csv.reader(io.StringIO(text, newline="")), [])
    _refuse_unknown(header, wanted.names, "frame")
    # Spark's reader finds columns by their order.
    frame = reader.schema(StructType([wanted[name] for name in header])).csv(location)
    absent = [field for field in wanted.fields if field.name not in header]
    added = {field.name: functions.lit(None).cast(field.dataType) for field in absent}
    return frame.withColumns(added).select([column(name) for name in wanted.names])


def schema_of(spark: SparkSession, ddl: str) -> StructType:
    """Parse Spark's DDL to a schema."""
    return spark.createDataFrame([], ddl).schema


def _cells(row: Mapping[str, Any] | Sequence[Any], names: Sequence[str], what: str) -> list[Any]:
    if not isinstance(row, Mapping):
        return list(row)
    _refuse_unknown(row, names, what)
    return [row.get(name) for name in names]


def _refuse_unknown(given: Iterable[str], names: Sequence[str], what: str) -> None:
    if unknown := [name for name in given if name not in names]:
        raise KitError(
            f"{what}: no column {', '.join(unknown)} in the schema, which has {', '.join(names)}"
        )


def _inferred(
    spark: SparkSession,
    given: Sequence[Mapping[str, Any]] | Sequence[Sequence[Any]],
    what: str,
    *,
    order: Sequence[str] | None = None,
    untyped: str | None = None,
) -> DataFrame:
    """Make a frame with the types of the values; `untyped` is the type of a column of nulls."""
    from pyspark.sql.types import StructType

    rows = [row for row in given if isinstance(row, Mapping)]
    if len(rows) < len(given):
        raise KitError(f"{what}: rows without names need a schema: {_GIVE_A_FRAME}")
    given_names = list(dict.fromkeys(name for row in rows for name in row))
    names = given_names if order is None else list(order)
    _refuse_unknown(given_names, names, what)
    if not names:
        raise KitError(f"{what}: no rows and no columns: {_GIVE_A_FRAME}")
    known = [name for name in names if any(row.get(name) is not None for row in rows)]
    empty = [name for name in names if name not in known]
    if empty and untyped is None:
        raise KitError(f"{what}: only nulls in {', '.join(empty)}, of which type? {_GIVE_A_FRAME}")
    inferred = StructType()
    if known:
        # Tuples, as Spark would sort the keys of a mapping.
        cells = [tuple(_in_reach(row.get(name)) for name in known) for row in rows]
        inferred = spark.createDataFrame(cells, known).schema
    types = {field.name: field.dataType for field in inferred.fields}
    schema = StructType()
    for name in names:
        schema = schema.add(name, types.get(name) or untyped or "string")
    return _typed(spark, [[row.get(name) for name in names] for row in rows], schema, what)


def _in_reach(value: Any) -> Any:
    """Return a value of the same type that Spark's inference takes on any system.

    It asks for the seconds of a datetime, of which Windows has none before 1970 and after 3000.
    """
    return value.replace(year=2000, month=1, day=1) if isinstance(value, datetime) else value


def _typed(
    spark: SparkSession, rows: Sequence[Sequence[Any]], schema: StructType, what: str
) -> DataFrame:
    """Make a frame whose datetimes are in the session's time zone, not in this process's."""
    from pyspark.sql.types import StructType, TimestampNTZType, TimestampType

    from framework.columns import column

    for row in rows:
        for name, value in zip(schema.names, row, strict=False):
            if isinstance(value, datetime) and value.tzinfo is not None:
                zone = spark.conf.get("spark.sql.session.timeZone")
                raise KitError(
                    f"{what}: {name}: {value.isoformat()} has a time zone of its own; give the "
                    f"time in the session's, {zone}, without one"
                )
    local = StructType()
    for field in schema.fields:
        is_moment = isinstance(field.dataType, TimestampType)
        local = local.add(field.name, TimestampNTZType() if is_moment else field.dataType)
    # Python's own conversion would use the time zone of this process.
    frame = spark.createDataFrame([tuple(row) for row in rows], local)
    if local == schema:
        return frame
    columns = zip(schema.fields, local.fields, strict=True)
    return frame.select(
        [
            column(field.name).cast(field.dataType).alias(field.name)
            if field.dataType != local_field.dataType
            else column(field.name)
            for field, local_field in columns
        ]
    )
