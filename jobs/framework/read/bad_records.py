"""Quarantine the records of a source that do not fit its schema, up to a limit."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from framework.columns import column
from framework.errors import BadRecordsError
from framework.failures import explained
from framework.params import BadRecords
from framework.plan import PlannedSource
from framework.read.null_tokens import RAW, read_records
from framework.read.scan_metrics import Scans
from framework.read.seen_files import require_seen_files
from framework.read.source_look import SourceLook
from framework.read.strict_formats import PARSER_POLICY
from framework.storage.filesystem import FileSystem
from framework.writers import write_dataset

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_FILE = "_file_of_record"
_SHOWN_RECORDS = 3
_SHOWN_CHARACTERS = 100


@dataclass(frozen=True)
class Rejected:
    """The bad records of one source for `folder`, as rows of `source`, `file` and `record`."""

    folder: str
    row_count: int
    rows: DataFrame


@contextmanager
def fitting_records(
    spark: SparkSession,
    planned: PlannedSource,
    bad_records: BadRecords,
    folder: str,
    scans: Scans,
    look: SourceLook | None = None,
) -> Generator[tuple[DataFrame, Rejected]]:
    """Yield the rows of the records that fit, and the bad records.

    The source is parsed once, whatever columns the query reads and however often: the parsed rows
    are persisted (in memory, spilling to disk) until the end of the block.

    Raises:
        BadRecordsError: If there are more bad records than the limit.
        SourceGoneError: If a file disappeared.
    """
    from pyspark.sql import functions

    is_bad = column(RAW).isNotNull()
    rows = read_records(spark, planned, with_raw=True, look=look)
    rows = rows.withColumn(_FILE, functions.when(is_bad, functions.input_file_name()))
    rows.persist()
    try:
        with explained(planned.location), _new_parser(spark), scans.counted():
            count = rows.agg(functions.count_if(is_bad)).collect()[0][0]
        bad = rows.where(is_bad).select(
            functions.lit(planned.view).alias("source"),
            column(_FILE).alias("file"),
            column(RAW).alias("record"),
        )
        if count > bad_records.limit:
            raise _too_many(planned, bad_records, count, bad)
        yield rows.where(~is_bad).drop(RAW, _FILE), Rejected(folder, count, bad)
    finally:
        rows.unpersist()


def stage_rejected(
    fs: FileSystem,
    rejected: Sequence[Rejected],
    folders: Sequence[str],
    staging: Sequence[str],
    shared: Sequence[str] = (),
) -> None:
    """Write the bad records of each of `folders` as JSON lines to its folder in `staging`.

    Args:
        fs: The file system.
        rejected: The bad records.
        folders: The folders that hold them once they are published.
        staging: The staging folder of each.
        shared: The local folders that every node has under the same path.

    Raises:
        SharedPathError: If the driver does not see what executors wrote.
        PublishError: If no space is left.
    """
    for folder, staged in zip(folders, staging, strict=True):
        parts = [each.rows for each in rejected if each.folder == folder and each.row_count]
        if not parts:
            # An empty folder replaces the records of an earlier landing.
            fs.make_dirs(staged)
            continue
        rows = parts[0]
        for part in parts[1:]:
            rows = rows.unionByName(part)
        spark = rows.sparkSession
        with explained(folder), Scans(spark).counted() as counted:
            write_dataset(rows, "json", staged)
        require_seen_files(spark, folder, counted.written, fs.usage(staged), shared)


def _too_many(
    planned: PlannedSource, bad_records: BadRecords, count: int, bad: DataFrame
) -> BadRecordsError:
    first = bad.limit(_SHOWN_RECORDS).collect()
    return BadRecordsError(
        planned.view,
        planned.location,
        count,
        bad_records.limit,
        [f"{row['file']}: {row['record'][:_SHOWN_CHARACTERS]!r}" for row in first],
    )


@contextmanager
def _new_parser(spark: SparkSession) -> Generator[None]:
    """Set Spark's parser for a block so that a date that can't be read makes a bad record."""
    before = spark.conf.get(PARSER_POLICY, None)
    if before and before.upper() != "EXCEPTION":
        yield
        return
    spark.conf.set(PARSER_POLICY, "CORRECTED")
    try:
        yield
    finally:
        if before:
            spark.conf.set(PARSER_POLICY, before)
        else:
            spark.conf.unset(PARSER_POLICY)
