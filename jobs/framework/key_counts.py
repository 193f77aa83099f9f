"""Count the rows of keys: duplicates, nulls, and the changes between two dates.

One query gives it all. Each side is sorted by key and its rows are counted as they come; still
sorted, the sides are joined. So a key that many rows have costs no more than another one.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from framework.columns import column

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, Row, SparkSession

# Without it, Spark would hash what it has just sorted, and sort it again for the join.
_SORTED_AGGREGATES = "spark.sql.execution.replaceHashWithSortAgg"
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

    named = rows.select(*[column(key).alias(f"now_{place}") for place, key in enumerate(keys)])
    grouped = named.groupBy(*named.columns).agg(functions.count(functions.lit(1)).alias("now_rows"))
    (found,) = grouped.agg(*_of_keys("now", keys)).collect()
    return _key_counts(found, "now", keys)


def count_changes(
    rows: DataFrame, earlier: DataFrame, keys: Sequence[str], compared: Sequence[str]
) -> tuple[KeyCounts, KeyCounts, ChangeCounts]:
    """Count the keys of some rows, those of earlier ones, and the changes.

    The values of the columns `compared` are told apart by a hash of 64 bits.
    """
    from pyspark.sql import functions

    now, then = (
        _counted(each, side, keys, compared) for each, side in ((rows, "now"), (earlier, "then"))
    )
    same_key = [column(f"now_{n}") == column(f"then_{n}") for n in range(len(keys))]
    is_new, is_gone = column("then_rows").isNull(), column("now_rows").isNull()
    is_same = column("now_values") == column("then_values")
    with _sorted_aggregates(rows.sparkSession):
        joined = now.join(then, same_key, "full").agg(
            *_of_keys("now", keys),
            *_of_keys("then", keys),
            functions.count_if(is_new).alias("inserted"),
            functions.count_if(is_gone).alias("deleted"),
            functions.count_if(is_same).alias("unchanged"),
            functions.count_if(~is_new & ~is_gone).alias("in_both"),
        )
        (found,) = joined.collect()
    changes = ChangeCounts(
        inserted=found["inserted"],
        updated=found["in_both"] - found["unchanged"],
        deleted=found["deleted"],
        unchanged=found["unchanged"],
    )
    return _key_counts(found, "now", keys), _key_counts(found, "then", keys), changes


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


def _counted(rows: DataFrame, side: str, keys: Sequence[str], compared: Sequence[str]) -> DataFrame:
    """A row a key: the key's columns, how many rows have it, and the first one's values."""
    from pyspark.sql import functions

    names = [f"{side}_{place}" for place in range(len(keys))]
    values = [each for name in compared for each in (column(name), column(name).isNull())]
    return (
        rows.select(
            *[column(key).alias(name) for key, name in zip(keys, names, strict=True)],
            # A null would leave the hash as it is, in whichever column it stands.
            (functions.xxhash64(*values) if values else functions.lit(0)).alias("values"),
        )
        .repartition(*names)
        .sortWithinPartitions(*names)
        .groupBy(*names)
        .agg(
            functions.count(functions.lit(1)).alias(f"{side}_rows"),
            # Spark keeps the rows sorted for an aggregate to which the order matters.
            functions.first("values").alias(f"{side}_values"),
        )
    )


def _of_keys(side: str, keys: Sequence[str]) -> list[Column]:
    from pyspark.sql import functions

    rows = column(f"{side}_rows")
    nulls = [column(f"{side}_{place}").isNull() for place in range(len(keys))]
    any_null = nulls[0]
    for each in nulls[1:]:
        any_null = any_null | each

    def rows_where(condition: Column) -> Column:
        return functions.coalesce(functions.sum(functions.when(condition, rows)), functions.lit(0))

    return [
        rows_where(rows >= 1).alias(f"{side}_all"),
        functions.count_if(rows > 1).alias(f"{side}_duplicate_keys"),
        rows_where(rows > 1).alias(f"{side}_duplicate_rows"),
        rows_where(any_null).alias(f"{side}_null_rows"),
        *[rows_where(each).alias(f"{side}_nulls_{place}") for place, each in enumerate(nulls)],
    ]


def _key_counts(found: Row, side: str, keys: Sequence[str]) -> KeyCounts:
    return KeyCounts(
        row_count=found[f"{side}_all"],
        duplicate_keys=found[f"{side}_duplicate_keys"],
        duplicate_rows=found[f"{side}_duplicate_rows"],
        null_rows=found[f"{side}_null_rows"],
        null_columns=tuple(
            key for place, key in enumerate(keys) if found[f"{side}_nulls_{place}"] > 0
        ),
    )


@contextmanager
def _sorted_aggregates(spark: SparkSession) -> Generator[None]:
    before = spark.conf.get(_SORTED_AGGREGATES, None)
    spark.conf.set(_SORTED_AGGREGATES, "true")
    try:
        yield
    finally:
        if before is None:
            spark.conf.unset(_SORTED_AGGREGATES)
        else:
            spark.conf.set(_SORTED_AGGREGATES, before)
