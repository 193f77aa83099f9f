"""Count the rows that a sink's staged files give back, by the biz_dt of their folders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import unquote

from framework.check.run_checks import StagedSink
from framework.plan import BIZ_DT
from framework.secrets import resolved
from framework.storage.driver_listing import is_apart
from framework.storage.filesystem import HIDDEN, FileSystem, Usage, is_hidden_folder
from framework.storage.footers import has_footers, rows_of_files
from framework.storage.read_back import read_folder

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# The driver reads so many footers in less time than a Spark job takes to begin.
_MOST_FOOTERS = 64
# On a local disk, Hadoop keeps a hidden file of checksums beside each.
_MOST_LISTED = 4 * _MOST_FOOTERS
_FOLDER = f"{BIZ_DT}="
_NULL = "__HIVE_DEFAULT_PARTITION__"


def count_by_date(
    spark: SparkSession, fs: FileSystem, staged: StagedSink, usage: Usage
) -> dict[str | None, int]:
    """Count the rows by biz_dt, all under None if it is not a partition column.

    The rows of ORC and Parquet are counted by the footers alone: in the driver, or by a Spark job
    if there are many files, or executors are on machines that may see others. Those of other
    formats are counted by a pass over them.

    Args:
        spark: The session.
        fs: The file system.
        staged: The sink with its folder.
        usage: The data files in the folder.
    """
    counts = _by_driver(spark, fs, staged, usage)
    return _by_executors(spark, staged) if counts is None else counts


def _by_executors(spark: SparkSession, staged: StagedSink) -> dict[str | None, int]:
    from pyspark.sql import functions

    written = read_folder(spark, staged.planned, staged.folder, staged.shaped.schema)
    if not staged.planned.has_biz_dt_folder:
        return {None: written.count()}
    by_date = written.groupBy(functions.col(BIZ_DT).cast("string").alias(BIZ_DT)).count()
    return {row[0]: row[1] for row in by_date.collect()}


def _by_driver(
    spark: SparkSession, fs: FileSystem, staged: StagedSink, usage: Usage
) -> dict[str | None, int] | None:
    sink, folder = staged.planned.sink, staged.folder
    if not has_footers(sink.format) or usage.files > _MOST_FOOTERS or is_apart(spark, folder):
        return None
    files = [file.location for file in fs.files(folder, _MOST_LISTED)]
    shown = [location for location in files if _is_data(_below(folder, location))]
    if len(shown) != usage.files:
        return None
    row_counts = rows_of_files(spark, sink.format, shown, resolved(sink.options))
    if row_counts is None:
        return None
    counts: dict[str | None, int] = {}
    for location, row_count in zip(shown, row_counts, strict=True):
        date = _date(_below(folder, location)) if staged.planned.has_biz_dt_folder else None
        if row_count:
            counts[date] = counts.get(date, 0) + row_count
    return counts


def _below(folder: str, location: str) -> list[str]:
    return location[len(folder) :].strip("/").split("/")


def _is_data(parts: Sequence[str]) -> bool:
    return not parts[-1].startswith(HIDDEN) and not any(map(is_hidden_folder, parts[:-1]))


def _date(parts: Sequence[str]) -> str | None:
    """Return biz_dt by the names of the folders that lead to a file."""
    value = next(each for each in parts if each.startswith(_FOLDER)).removeprefix(_FOLDER)
    return None if value == _NULL else unquote(value)
