"""Write a result to a staging folder and check the files that are really there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from framework.check.run_checks import StagedSink
from framework.contract.paths import join
from framework.contract.some_of import some_sorted
from framework.errors import ForeignRowsError, PublishError
from framework.failures import explained, remedy
from framework.land.row_counts import count_by_date
from framework.plan import BIZ_DT, PlannedSink
from framework.read.scan_metrics import Scans
from framework.read.seen_files import require_same_rows, require_seen_files
from framework.storage.filesystem import FileSystem, Usage
from framework.storage.partition_types import write_partition_types
from framework.writers import write_dataset

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

# Values that don't change the type which Spark infers from the other folders' names. The folder of
# a null would not do: alone, its type is VOID, which Spark can't read from ORC.
_NEUTRAL = {"date": "1970-01-01", "timestamp": "1970-01-01 00%3A00%3A00"}
_SHOWN_DATES = 5


@dataclass(frozen=True)
class Staged:
    """The rows and files of a sink; `usage` is None for a table, which has no files."""

    row_count: int
    usage: Usage | None
    columns: tuple[tuple[str, str], ...]


def shape(result: DataFrame, planned: PlannedSink, biz_dt: str) -> DataFrame:
    """Shape the result for a sink: add the biz_dt column if it is a partition column.

    Raises:
        PublishError: If a partition column is missing in the result.
    """
    from pyspark.sql import functions

    present = {name.lower(): name for name in result.columns}
    shaped = result
    if planned.has_biz_dt_folder:
        if BIZ_DT not in present:
            shaped = shaped.withColumn(BIZ_DT, functions.lit(biz_dt))
        elif present[BIZ_DT] != BIZ_DT:
            # The folder's name is the column's, and `BIZ_DT=..` would be another partition.
            shaped = shaped.withColumnRenamed(present[BIZ_DT], BIZ_DT)
    missing = [c for c in planned.sink.partition_cols if c.lower() not in {*present, BIZ_DT}]
    if missing:
        raise PublishError(
            f"{planned.root}: partition_cols {missing} are not in the result, "
            f"which has {result.columns}"
        )
    return shaped


def stage(
    spark: SparkSession,
    fs: FileSystem,
    staged: StagedSink,
    biz_dt: str,
    scans: Scans,
    shared: Sequence[str] = (),
) -> Staged:
    """Write the rows of a sink to its folder, read them back and count them.

    Reading back counts the rows on the disk without a second run of the query.

    Args:
        spark: The session.
        fs: The file system.
        staged: The sink with its folder and its rows.
        biz_dt: The landing's date.
        scans: The counter of what is read and written.
        shared: The local folders that every node has under the same path.

    Raises:
        ForeignRowsError: If there are rows of another biz_dt.
        SharedPathError: If the driver does not see what executors wrote.
        SourceGoneError: If a source's file disappeared.
        PublishError: If no space is left.
    """
    sink = staged.planned.sink
    with explained(staged.planned.root):
        with scans.counted() as counted:
            write_dataset(
                staged.shaped,
                sink.format,
                staged.folder,
                partition_cols=sink.partition_cols,
                options=sink.options,
            )
        usage = fs.usage(staged.folder)
        require_seen_files(spark, staged.planned.root, counted.written, usage, shared)
        row_count = _count(spark, fs, staged, usage, biz_dt)
        require_same_rows(staged.planned, counted.written, row_count)
        if row_count == 0 and sink.partition_cols:
            _stage_nothing(spark, fs, staged, biz_dt)
            usage = fs.usage(staged.folder)
        _write_types(fs, staged)
    return Staged(row_count, usage, tuple(staged.shaped.dtypes))


def _write_types(fs: FileSystem, staged: StagedSink) -> None:
    place = staged.planned.place
    below = place.below if place else ""
    folder = join(staged.folder, below) if below else staged.folder
    try:
        write_partition_types(fs, staged.planned, folder, staged.shaped.schema)
    except OSError as error:
        raise PublishError(
            f"{staged.planned.root}: the types of its partition columns can't be written: {error}"
            f"{remedy(error)}"
        ) from error


def _count(
    spark: SparkSession, fs: FileSystem, staged: StagedSink, usage: Usage, biz_dt: str
) -> int:
    planned = staged.planned
    counts = count_by_date(spark, fs, staged, usage)
    if not planned.has_biz_dt_folder:
        return sum(counts.values())
    foreign = {str(date): rows for date, rows in counts.items() if date != biz_dt}
    if foreign:
        shown = some_sorted(foreign, _SHOWN_DATES)
        raise ForeignRowsError(
            f"{planned.root}: {sum(foreign.values())} rows are not of biz_dt {biz_dt} but of "
            f"{shown}; nothing was published. Filter the HQL by ${{hivevar:biz_dt}}",
            sum(foreign.values()),
        )
    return counts.get(biz_dt, 0)


def _stage_nothing(spark: SparkSession, fs: FileSystem, staged: StagedSink, biz_dt: str) -> None:
    """Stage an empty partition that reads back: one file with the schema and no rows.

    Spark writes no partition folder without rows. Deeper partition columns get a folder too, as
    Spark's partition discovery needs all files of a table at the same depth.
    """
    planned, folder, shaped = staged.planned, staged.folder, staged.shaped
    names = {column.lower(): column for column in shaped.columns}
    partitions = [names[column.lower()] for column in planned.sink.partition_cols]
    types = dict(shaped.dtypes)
    folders = [
        f"{name}={biz_dt if name == BIZ_DT else _NEUTRAL.get(types[name], '0')}"
        for name in partitions
    ]
    empty = spark.createDataFrame([], shaped.drop(*partitions).schema)
    fs.delete(folder)
    write_dataset(
        empty.coalesce(1), planned.sink.format, join(folder, *folders), options=planned.sink.options
    )
