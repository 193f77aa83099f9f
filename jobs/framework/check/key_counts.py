"""Count the rows of keys: duplicates, nulls, and the changes between two dates.

Keys and values travel as hashes, so that one light exchange of both dates' rows tells them all. Two
keys of one hash would look like a duplicate, and then the keys themselves are counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from framework.columns import column

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, Row

_SHOWN_CHARACTERS = 100


@dataclass(frozen=True)
class KeyCounts:
    """What the keys of some rows are like; null is a value like any other in duplicates.

    `duplicate_rows` are all rows of the `duplicate_keys`.
    """

    row_count: int
    duplicate_keys: int
    duplicate_rows: int
    null_rows: int
    null_columns: tuple[str, ...]


@dataclass(frozen=True)
class ChangeCounts:
    """How rows differ from earlier ones of the same keys.

    True only where the keys of both are unique and not null.
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
    (found,) = grouped.agg(
        _sum(n, n >= 1).alias("all"),
        functions.count_if(n > 1).alias("duplicate_keys"),
        _sum(n, n > 1).alias("duplicate_rows"),
        _sum(n, _any(nulls)).alias("null_rows"),
        *[_sum(n, each).alias(f"nulls_{place}") for place, each in enumerate(nulls)],
    ).collect()
    return KeyCounts(
        row_count=found["all"],
        duplicate_keys=found["duplicate_keys"],
        duplicate_rows=found["duplicate_rows"],
        null_rows=found["null_rows"],
        null_columns=tuple(key for place, key in enumerate(keys) if found[f"nulls_{place}"] > 0),
    )


def count_changes(
    rows: DataFrame, earlier: DataFrame, keys: Sequence[str], compared: Sequence[str]
) -> tuple[KeyCounts, KeyCounts, ChangeCounts]:
    """Count the keys of some rows, those of earlier ones, and the changes.

    Keys, and the values of the columns `compared`, are told apart by a hash of 64 bits.
    """
    from pyspark.sql import functions

    both = _hashed(rows, keys, compared, is_new=True).unionByName(
        _hashed(earlier, keys, compared, is_new=False)
    )
    is_new = column("is_new")
    # Spread by key first: nearly every row has a key of its own, there is little to add up before.
    grouped = (
        both.repartition("key")
        .groupBy("key")
        .agg(
            functions.count_if(is_new).alias("now"),
            functions.count_if(~is_new).alias("then"),
            functions.bit_xor("values").alias("values"),
        )
    )
    key, now, then = column("key"), column("now"), column("then")
    are_same = (column("values") == 0) & (now == then)
    (found,) = grouped.agg(
        _sum(now, now >= 1).alias("now"),
        _sum(then, then >= 1).alias("then"),
        functions.count_if((now > 1) | (key.isNull() & (now > 0))).alias("doubtful_now"),
        functions.count_if((then > 1) | (key.isNull() & (then > 0))).alias("doubtful_then"),
        _sum(now - then, now > then).alias("inserted"),
        _sum(then - now, then > now).alias("deleted"),
        _sum(now, are_same).alias("unchanged"),
    ).collect()
    changes = ChangeCounts(
        inserted=found["inserted"],
        updated=found["now"] - found["inserted"] - found["unchanged"],
        deleted=found["deleted"],
        unchanged=found["unchanged"],
    )
    of_now, of_then = (
        count_keys(each, keys) if found[f"doubtful_{side}"] else KeyCounts(found[side], 0, 0, 0, ())
        for each, side in ((rows, "now"), (earlier, "then"))
    )
    return of_now, of_then, changes


def most_frequent(rows: DataFrame, keys: Sequence[str], count: int) -> list[str]:
    """Return so many of the keys that several rows have, the most frequent first, as texts."""
    from pyspark.sql import functions

    named = rows.select(*[column(key).alias(f"k{place}") for place, key in enumerate(keys)])
    grouped = named.groupBy(*named.columns).agg(functions.count(functions.lit(1)).alias("n"))
    several = grouped.where(column("n") > 1)
    first = several.orderBy(column("n").desc(), *named.columns).limit(count).collect()
    return [f"{_shown(row, keys)} ({row['n']} rows)" for row in first]


def _shown(row: Row, keys: Sequence[str]) -> str:
    return ", ".join(
        f"{key}={str(row[place])[:_SHOWN_CHARACTERS]}" for place, key in enumerate(keys)
    )


def _hashed(
    rows: DataFrame, keys: Sequence[str], compared: Sequence[str], *, is_new: bool
) -> DataFrame:
    """Each row's key, null where a part of it is, its values, and which date it is of."""
    from pyspark.sql import functions

    columns = [column(key) for key in keys]
    is_null = _any([each.isNull() for each in columns])
    # A null would leave a hash as it is, in whichever column it stands.
    values = [each for name in compared for each in (column(name), column(name).isNull())]
    return rows.select(
        functions.when(~is_null, functions.xxhash64(*columns)).alias("key"),
        (functions.xxhash64(*values) if values else functions.lit(0).cast("bigint")).alias(
            "values"
        ),
        functions.lit(is_new).alias("is_new"),
    )


def _sum(counted: Column, condition: Column) -> Column:
    """The sum where the condition holds; 0 where it never does."""
    from pyspark.sql import functions

    return functions.coalesce(functions.sum(functions.when(condition, counted)), functions.lit(0))


def _any(conditions: Sequence[Column]) -> Column:
    found = conditions[0]
    for each in conditions[1:]:
        found = found | each
    return found
