"""Set aside the records of a source that do not fit its schema, up to a limit."""

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
from framework.storage.filesystem import FileSystem
from framework.writers import write_dataset

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_FILE = "_file_of_record"
_SHOWN_RECORDS = 3
_SHOWN_CHARACTERS = 100
# By default Spark fails a job on a date that its parser of before 3.0 could have read.
_PARSER_POLICY = "spark.sql.legacy.timeParserPolicy"


@dataclass(frozen=True)
class Rejected:
    """The bad records of one source: for `folder`, a row each of `source`, `file` and `record`."""

    folder: str
    row_count: int
    rows: DataFrame


@contextmanager
def fitting_records(
    spark: SparkSession, planned: PlannedSource, bad_records: BadRecords, folder: str, scans: Scans
) -> Generator[tuple[DataFrame, Rejected]]:
    """Yield the rows of the records that fit, and the others.

    The source is parsed once, here, whatever columns and however often the query reads it: what
    was parsed is kept (in memory, what is too much for it on disk) to the end of the block.

    Raises:
        BadRecordsError: there are more than the limit.
        SourceGoneError: a file disappeared.
    """
    from pyspark.sql import functions

    is_bad = column(RAW).isNotNull()
    rows = read_records(spark, planned, with_raw=True)
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
    fs: FileSystem, rejected: Sequence[Rejected], folders: Sequence[str], staging: Sequence[str]
) -> None:
    """Write the bad records as JSON lines, for each of `folders` to its place in `staging`.

    Raises:
        PublishError: there is no space left.
    """
    for folder, staged in zip(folders, staging, strict=True):
        found = [each.rows for each in rejected if each.folder == folder and each.row_count]
        if not found:
            # It replaces the records of an earlier landing.
            fs.make_dirs(staged)
            continue
        rows = found[0]
        for more in found[1:]:
            rows = rows.unionByName(more)
        with explained(folder):
            write_dataset(rows, "json", staged)


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
    """A block in which a date that can't be read makes its record a bad one."""
    before = spark.conf.get(_PARSER_POLICY, None)
    if before and before.upper() != "EXCEPTION":
        yield
        return
    spark.conf.set(_PARSER_POLICY, "CORRECTED")
    try:
        yield
    finally:
        if before:
            spark.conf.set(_PARSER_POLICY, before)
        else:
            spark.conf.unset(_PARSER_POLICY)
