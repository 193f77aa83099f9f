"""Count the rows of keys: duplicates, nulls, and the changes between two dates.

Keys and values are exchanged as hashes, so that one cheap shuffle of both dates counts everything.
Two keys with one hash look like a duplicate; the keys themselves are then counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from framework.columns import column

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, Row

_SHOWN_CHARACTERS = 100
# Rows of both dates that one task groups. Spark's own choice goes by bytes, of which hashes have
# few: millions of rows in each of two tasks took a fifth longer.
_ROWS_A_PARTITION = 600_000
# Python has none after 9999, and on Windows makes none of Spark's before 1970 or after 3000.
_TIMES = ("date", "timestamp", "timestamp_ntz")


@dataclass(frozen=True)
class KeyCounts:
    """The counts of some rows' keys; in duplicates, null is a value like any other.

    `duplicate_rows` counts all rows of the `duplicate_keys`.
    """

    row_count: int
    duplicate_keys: int
    duplicate_rows: int
    null_rows: int
    null_columns: tuple[str, ...]


@dataclass(frozen=True)
class ChangeCounts:
    """The changes of rows since earlier ones with the same keys.

    They are valid only if the keys of both are unique and not null.
    """

    inserted: int
    updated: int
    deleted: int
    unchanged: int


def count_keys(rows: DataFrame, keys: Sequence[str]) -> KeyCounts:
    """Count the keys of some rows."""
    from pyspark.sql import functions

    named = rows.select(*[column(key).alias(f"k{place}") for place, key in enumerate(keys)])
    grouped = named.groupBy(*named.columns).agg(functions.count(functions.lit(1)).alias("n"))
    n, nulls = column("n"), [column(name).isNull() for name in named.columns]
    (counts,) = grouped.agg(
        _sum(n, n >= 1).alias("all"),
        functions.count_if(n > 1).alias("duplicate_keys"),
        _sum(n, n > 1).alias("duplicate_rows"),
        _sum(n, _any(nulls)).alias("null_rows"),
        *[_sum(n, each).alias(f"nulls_{place}") for place, each in enumerate(nulls)],
    ).collect()
    return KeyCounts(
        row_count=counts["all"],
        duplicate_keys=counts["duplicate_keys"],
        duplicate_rows=counts["duplicate_rows"],
        null_rows=counts["null_rows"],
        null_columns=tuple(key for place, key in enumerate(keys) if counts[f"nulls_{place}"] > 0),
    )


def count_changes(
    rows: DataFrame,
    earlier: DataFrame,
    keys: Sequence[str],
    compared: Sequence[str],
    row_count: int,
) -> tuple[KeyCounts, KeyCounts, ChangeCounts]:
    """Count the keys of some rows, those of earlier ones, and the changes.

    Keys, and the values of the columns `compared`, are compared by a hash of 64 bits.

    Args:
        rows: The rows.
        earlier: The earlier ones.
        keys: The key columns.
        compared: The columns whose change is an update.
        row_count: About how many both are together, by which the work is divided.
    """
    from pyspark.sql import functions

    both = _hashed(rows, keys, compared, is_new=True).unionByName(
        _hashed(earlier, keys, compared, is_new=False)
    )
    is_new = column("is_new")
    # Shuffled before the aggregation, as nearly every row has a key of its own.
    grouped = (
        both.repartition(1 + row_count // _ROWS_A_PARTITION, "key")
        .groupBy("key")
        .agg(
            functions.count_if(is_new).alias("now"),
            functions.count_if(~is_new).alias("then"),
            functions.bit_xor("values").alias("values"),
        )
    )
    key, now, then = column("key"), column("now"), column("then")
    are_same = (column("values") == 0) & (now == then)
    (counts,) = grouped.agg(
        _sum(now, now >= 1).alias("now"),
        _sum(then, then >= 1).alias("then"),
        functions.count_if((now > 1) | (key.isNull() & (now > 0))).alias("doubtful_now"),
        functions.count_if((then > 1) | (key.isNull() & (then > 0))).alias("doubtful_then"),
        _sum(now - then, now > then).alias("inserted"),
        _sum(then - now, then > now).alias("deleted"),
        _sum(now, are_same).alias("unchanged"),
    ).collect()
    changes = ChangeCounts(
        inserted=counts["inserted"],
        updated=counts["now"] - counts["inserted"] - counts["unchanged"],
        deleted=counts["deleted"],
        unchanged=counts["unchanged"],
    )
    keys_now, keys_then = (
        count_keys(each, keys)
        if counts[f"doubtful_{side}"]
        else KeyCounts(counts[side], 0, 0, 0, ())
        for each, side in ((rows, "now"), (earlier, "then"))
    )
    return keys_now, keys_then, changes


def most_frequent(rows: DataFrame, keys: Sequence[str], count: int) -> list[str]:
    """Return the `count` most frequent keys that several rows have, as texts."""
    from pyspark.sql import functions

    named = rows.select(*[column(key).alias(f"k{place}") for place, key in enumerate(keys)])
    grouped = named.groupBy(*named.columns).agg(functions.count(functions.lit(1)).alias("n"))
    duplicates = grouped.where(column("n") > 1)
    first = duplicates.orderBy(column("n").desc(), *named.columns).limit(count)
    texts = first.select(
        *[
            column(name).cast("string") if type_ in _TIMES else column(name)
            for name, type_ in first.dtypes
        ]
    )
    return [f"{_shown(row, keys)} ({row['n']} rows)" for row in texts.collect()]


def _shown(row: Row, keys: Sequence[str]) -> str:
    return ", ".join(
        f"{key}={str(row[place])[:_SHOWN_CHARACTERS]}" for place, key in enumerate(keys)
    )


def _hashed(
    rows: DataFrame, keys: Sequence[str], compared: Sequence[str], *, is_new: bool
) -> DataFrame:
    """Select each row's hashed key (null if a part of it is null), hashed values, and date."""
    from pyspark.sql import functions

    columns = [column(key) for key in keys]
    is_null = _any([each.isNull() for each in columns])
    # With isNull, as xxhash64 ignores nulls and so the column that has one.
    values = [each for name in compared for each in (column(name), column(name).isNull())]
    return rows.select(
        functions.when(~is_null, functions.xxhash64(*columns)).alias("key"),
        (functions.xxhash64(*values) if values else functions.lit(0).cast("bigint")).alias(
            "values"
        ),
        functions.lit(is_new).alias("is_new"),
    )


def _sum(counted: Column, condition: Column) -> Column:
    """Sum the rows for which the condition is true; 0 if there are none."""
    from pyspark.sql import functions

    return functions.coalesce(functions.sum(functions.when(condition, counted)), functions.lit(0))


def _any(conditions: Sequence[Column]) -> Column:
    combined = conditions[0]
    for each in conditions[1:]:
        combined = combined | each
    return combined
