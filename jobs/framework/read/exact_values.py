"""Find the records that Spark's parsers take, though a value is not what the schema says.

They round a decimal to its scale, and read a missing value of a NOT NULL column as null. So
decimals are read with more digits than the schema has, and compared with what would land.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

from framework.columns import column, quoted
from framework.contract.formats import JSON, format_of

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame
    from pyspark.sql.types import DecimalType, StructType

# Digits that Spark keeps in a long, and the most that it has.
_LONG_DIGITS = 18
_MOST_DIGITS = 38
# Digits after the scale that tell a rounded value.
_SPARE = 6
_ZEROS = r"(\.\d*?)0+$"
_POINT = r"\.$"
_WRITTEN = ("sep", "delimiter", "quote", "escape", "chartoescapequoteescaping")


def with_spare_digits(schema: StructType) -> StructType:
    """Return a schema whose decimals have more digits after the point, where Spark has them."""
    from pyspark.sql.types import DecimalType, StructField, StructType

    return StructType(
        [
            StructField(each.name, _wider(each.dataType))
            if isinstance(each.dataType, DecimalType)
            else each
            for each in schema
        ]
    )


def with_inexact_records(
    rows: DataFrame,
    schema: StructType,
    raw: str,
    write: Callable[[Mapping[str, Column]], Column],
) -> DataFrame:
    """Return the rows with the types of `schema`, and `raw` set where a value is not exact.

    The parsers leave no text of these records, so `write` makes it from the values.
    """
    from pyspark.sql import functions
    from pyspark.sql.types import DecimalType

    exact = {
        each.name: functions.expr(
            f"try_cast({quoted(each.name)} AS {each.dataType.simpleString()})"
        )
        for each in schema
        if isinstance(each.dataType, DecimalType) and rows.schema[each.name] != each
    }
    faults = [
        *(~column(name).eqNullSafe(value) for name, value in exact.items()),
        *(column(each.name).isNull() for each in schema if not each.nullable),
    ]
    if not faults:
        return rows
    values = {
        each.name: _plain(each.name) if each.name in exact else column(each.name) for each in schema
    }
    record = functions.when(reduce(or_, faults), write(values))
    record = functions.coalesce(column(raw), record)
    return rows.select(
        *[
            record.alias(raw)
            if name == raw
            else exact[name].alias(name)
            if name in exact
            else column(name)
            for name in rows.columns
        ]
    )


def written_as(
    form: str, options: Mapping[str, str], left_out: Set[str]
) -> Callable[[Mapping[str, Column]], Column]:
    """Return what writes a record of the format csv or json again, without some columns."""
    from pyspark.sql import functions

    if format_of(form) is JSON:
        return lambda values: functions.to_json(
            functions.struct(
                *[value.alias(name) for name, value in values.items() if name not in left_out]
            )
        )
    given = {name: value for name, value in options.items() if name.lower() in _WRITTEN}
    return lambda values: functions.to_csv(
        functions.struct(
            *[
                value.cast("string").alias(f"c{place}")
                for place, (name, value) in enumerate(values.items())
                if name not in left_out
            ]
        ),
        given,
    )


def _wider(given: DecimalType) -> DecimalType:
    from pyspark.sql.types import DecimalType

    most = _LONG_DIGITS if given.precision + _SPARE <= _LONG_DIGITS else _MOST_DIGITS
    return DecimalType(most, given.scale + most - given.precision)


def _plain(name: str) -> Column:
    """Return a decimal as text without the zeros of its spare digits."""
    from pyspark.sql import functions

    text = column(name).cast("string")
    return functions.regexp_replace(functions.regexp_replace(text, _ZEROS, "$1"), _POINT, "")
