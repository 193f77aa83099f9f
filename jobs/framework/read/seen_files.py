"""Refuse files that executors and driver do not see alike, as a node's disk is not another's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from framework.contract.formats import format_of
from framework.contract.shared_paths import is_shared
from framework.errors import PublishError, SharedPathError
from framework.plan import PlannedSink, PlannedSource
from framework.read.encodings import is_on
from framework.read.scan_metrics import Written
from framework.storage.driver_listing import is_apart
from framework.storage.filesystem import Usage

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_IGNORES_MISSING = "spark.sql.files.ignoreMissingFiles"


def require_seen_files(
    spark: SparkSession,
    location: str,
    written: Written | None,
    usage: Usage,
    shared: Sequence[str] = (),
) -> None:
    """Refuse a folder in which files that executors wrote are missing.

    Args:
        spark: The session.
        location: The sink's location, for the message.
        written: The counts of who wrote the files; None if Spark did not tell.
        usage: The files that the driver sees in the folder.
        shared: The folders that every node has under the same path.

    Raises:
        SharedPathError: If there are such files, or nobody can know on a cluster.
        PublishError: If files are missing that this machine wrote.
    """
    master = str(spark.sparkContext.master)
    if written is None:
        if is_apart(spark, location) and not is_shared(location, shared):
            raise SharedPathError(
                location,
                f"Spark does not tell how many files the executors of {master} wrote, and those "
                "of another machine can't be seen from here",
            )
        return
    if usage.files >= written.files:
        return
    counts = f"{written.files} files with {written.rows} rows"
    if master.startswith("local"):
        raise PublishError(
            f"{location}: {counts} were written, of which {usage.files} files are there; nothing "
            "was published, the old data is in place. Look for what else deletes files there, and "
            "start the job again"
        )
    raise SharedPathError(
        location,
        f"the executors of {master} wrote {counts}, of which the driver sees {usage.files} files",
    )


def require_same_rows(planned: PlannedSink, written: Written | None, row_count: int) -> None:
    """Refuse files that do not give back the rows that were written.

    Only formats with columns tell each row: a text of several lines may be several rows of text.

    Raises:
        PublishError: If the numbers differ.
    """
    if written and written.rows != row_count and format_of(planned.sink.format).tells_columns:
        raise PublishError(
            f"{planned.root}: {written.rows} rows were written and {row_count} are read back; "
            "nothing was published, the old data is in place. Start the job again; if the numbers "
            "differ again, look at the disks of the path, which all nodes must share"
        )


def require_sources_seen(spark: SparkSession, sources: Sequence[PlannedSource]) -> None:
    """Refuse sources whose files an executor would skip where it does not see them.

    Raises:
        SharedPathError: If there are any; names the first.
    """
    ignores = spark.conf.get(_IGNORES_MISSING, "false") == "true"
    for planned in sources:
        if planned.source.is_table or not is_apart(spark, planned.location):
            continue
        if ignores or is_on(planned.source.options, "ignoremissingfiles"):
            raise SharedPathError(
                planned.location,
                f"{planned.view} is read with ignoreMissingFiles, by which an executor of "
                f"{spark.sparkContext.master} leaves out, without a word, each file that its "
                "machine does not have",
            )
