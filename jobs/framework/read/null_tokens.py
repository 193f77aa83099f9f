"""Read text files with several null tokens, and with the records that don't fit.

Spark's CSV reader takes one token for null. So the columns are read with the first token, and the
few records that then do not fit are parsed again, as text, with all of them: each cell goes through
Spark's own parser again, so that dates and numbers are read the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial, reduce
from typing import TYPE_CHECKING

from framework.columns import column, schema_of
from framework.contract.context_params import BY_NAME
from framework.plan import PlannedSource
from framework.read.exact_values import with_inexact_records, with_spare_digits, written_as
from framework.read.headers import ENFORCE, layouts, of_files
from framework.read.open_source import open_source
from framework.read.opened_files import OpenedFiles, partition_names
from framework.read.source_look import SourceLook
from framework.read.strict_formats import with_strict_formats
from framework.secrets import resolved
from framework.storage.file_heads import FileHeads

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession
    from pyspark.sql.types import StructField, StructType

RAW = "_raw_record"

# Opens the source with a schema and options, by their names.
_Open = Callable[..., "DataFrame"]

_TEXTS = "_texts"
_VALUES = "_values"

# The options that decide how a cell's text becomes a value.
_CONVERSIONS = frozenset(
    {
        "dateformat", "timestampformat", "timestampntzformat", "timezone", "locale", "nanvalue",
        "positiveinf", "negativeinf", "enabledatetimeparsingfallback", "preferdate",
    }
)  # fmt: skip
# The CSV between the two parsers, which must not trim cells.
_BETWEEN = {
    "sep": ",",
    "quote": '"',
    "escape": '"',
    "ignoreLeadingWhiteSpace": "false",
    "ignoreTrailingWhiteSpace": "false",
}


def read_records(
    spark: SparkSession,
    planned: PlannedSource,
    *,
    with_raw: bool,
    look: SourceLook | None = None,
) -> DataFrame:
    """Read a source lazily, except for the header if there is no schema.

    Args:
        spark: The session.
        planned: The source.
        with_raw: Whether to add a last column RAW with the text of a record that does not fit the
            schema, else null. It needs a schema, and is right only if all columns are read, as
            Spark parses no others.
        look: The look at its files, None if nobody looked.
    """
    from pyspark.sql import DataFrame

    source = planned.source
    options = dict(source.options)
    if with_raw:
        options = with_strict_formats(spark, options)
    if source.columns:
        # Spark then takes cells by place and leaves the header unread.
        options[ENFORCE] = "true"
    schema = schema_of(spark, source.schema) if source.schema else None
    read: _Open = partial(open_source, spark, source.format, planned.location)
    if source.columns != BY_NAME:
        read = partial(read, look=look)
        return _read(read, planned, options, schema, with_raw=with_raw)
    rows = read(schema=schema, options=options, look=look)
    given = resolved(options)
    found = layouts(
        OpenedFiles(rows, planned.location, given),
        FileHeads(spark, given, look.starts if look else None),
        has_schema=schema is not None,
    )
    parts = [
        _read(read, planned, options, each.schema, with_raw=with_raw, files=each.files)
        for each in found
    ]
    # Each has the columns in its own order, and those that the schema does not name.
    names = [*rows.columns, *([RAW] if with_raw else [])] if schema else parts[0].columns
    selected = [part.select([column(name) for name in names]) for part in parts]
    return reduce(DataFrame.union, selected)


def _read(
    read: _Open,
    planned: PlannedSource,
    options: dict[str, str],
    schema: StructType | None,
    *,
    with_raw: bool,
    files: Sequence[str] | None = None,
) -> DataFrame:
    """Read the source, or only some of its files, with a schema in the order of their columns."""
    from pyspark.sql.types import StringType, StructField, StructType

    source, tokens = planned.source, planned.source.null_tokens
    if tokens:
        # An empty cell is null anyway, if it is not in quotes.
        options = {**options, "nullValue": next((token for token in tokens if token), "")}
    others = [token for token in tokens if token != options.get("nullValue")]
    is_typed = schema is not None and any(not _is_text(field) for field in schema.fields)
    reparses = bool(others) and is_typed
    read_as = schema
    if schema is not None and (with_raw or reparses):
        options = {**options, "columnNameOfCorruptRecord": RAW}
        if with_raw:
            # A parser of some columns only would fill up a record that lacks cells.
            options["columnPruning"] = "false"
            read_as = with_spare_digits(schema)
        read_as = StructType([*(read_as or schema), StructField(RAW, StringType())])
    rows = read(schema=read_as, options=options)
    # A record holds no columns of folders.
    in_folders = partition_names(rows) if with_raw or reparses else set[str]()
    if files is not None:
        rows = of_files(rows, files)
    if reparses:
        rows = _reparsed(rows, options, tokens, in_folders)
    if reparses and not with_raw:
        rows = rows.drop(RAW)
    rows = _without_tokens(rows, others)
    if with_raw and schema is not None:
        write = written_as(source.format, options, in_folders)
        rows = with_inexact_records(rows, schema, RAW, write)
    return rows


def _reparsed(
    rows: DataFrame, options: Mapping[str, str], tokens: Sequence[str], in_folders: set[str]
) -> DataFrame:
    """Parse the rows with a RAW again, with all tokens; RAW stays if they still don't fit."""
    from pyspark.sql import functions

    fields = [each for each in rows.schema if each.name not in {RAW, *in_folders}]
    given = {name: value for name, value in options.items() if name.lower() != "header"}
    between = {name: value for name, value in given.items() if name.lower() in _CONVERSIONS}
    between |= {**_BETWEEN, "nullValue": given["nullValue"], "columnNameOfCorruptRecord": RAW}
    is_odd = column(RAW).isNotNull()
    # Numbered names, as within a struct Spark finds a field by its name alone.
    names = [f"c{place}" for place in range(len(fields))]
    typed = [(name, each) for name, each in zip(names, fields, strict=True) if not _is_text(each)]

    texts = functions.from_csv(column(RAW), _ddl((name, "string") for name in names), given)
    cells = functions.struct(
        *[_or_null(column(_TEXTS, name), tokens).alias(name) for name, _ in typed]
    )
    types = _ddl((name, each.dataType.simpleString()) for name, each in typed)
    values = functions.from_csv(functions.to_csv(cells, between), types, between)
    is_bad = column(_TEXTS, RAW).isNotNull() | column(_VALUES, RAW).isNotNull()
    known = dict((each.name, name) for name, each in typed)
    return (
        rows.withColumn(_TEXTS, functions.when(is_odd, texts))
        .withColumn(_VALUES, functions.when(is_odd, values))
        .select(
            *[
                functions.when(is_odd, column(_VALUES, known[each.name]))
                .otherwise(column(each.name))
                .alias(each.name)
                if each.name in known
                else column(each.name)
                for each in fields
            ],
            *[column(each.name) for each in rows.schema if each.name in in_folders],
            functions.when(is_bad, column(RAW)).alias(RAW),
        )
    )


def _without_tokens(rows: DataFrame, tokens: Sequence[str]) -> DataFrame:
    """Replace each of the tokens by null, in all text columns but RAW."""
    if not tokens:
        return rows
    return rows.select(
        *[
            _or_null(column(each.name), tokens).alias(each.name)
            if _is_text(each) and each.name != RAW
            else column(each.name)
            for each in rows.schema.fields
        ]
    )


def _or_null(text: Column, tokens: Sequence[str]) -> Column:
    from pyspark.sql import functions

    return functions.when(~text.isin(list(tokens)), text)


def _is_text(field: StructField) -> bool:
    return field.dataType.simpleString() == "string"


def _ddl(fields: Iterable[tuple[str, str]]) -> str:
    return ", ".join(f"{name} {type_}" for name, type_ in [*fields, (RAW, "string")])
