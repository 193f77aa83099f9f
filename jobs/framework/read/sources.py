"""Open the sources of a date as the views row1, row2, .., and query them."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from framework.failures import explained
from framework.hql import QueryResult, run_script
from framework.plan import Plan
from framework.read.bad_records import Rejected, fitting_records
from framework.read.null_tokens import read_records
from framework.read.scan_metrics import Scans
from framework.read.source_look import SourceLook

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@contextmanager
def opened_sources(
    spark: SparkSession, plan: Plan, scans: Scans, looks: Mapping[str, SourceLook]
) -> Generator[tuple[Rejected, ...]]:
    """Open the views for a block, and yield the bad records of sources that quarantine them.

    Args:
        spark: The session.
        plan: The date's plan.
        scans: The counter of the rows that are read.
        looks: The looks at the files of the views, of those that were looked at.

    Raises:
        BadRecordsError: If too many records of a source do not fit its schema.
        HeaderError: If the header of a CSV file is not the schema's.
        SourceFilesError: If a source's files would be read as something else.
        SharedPathError: If executors do not see a source's file.
        SourceGoneError: If a source's file disappeared.
    """
    all_rejected: list[Rejected] = []
    with ExitStack() as stack:
        for planned in plan.sources:
            bad_records, look = planned.source.bad_records, looks.get(planned.view)
            if bad_records and planned.rejected:
                fitting = fitting_records(
                    spark, planned, bad_records, planned.rejected, scans, look
                )
                rows, rejected = stack.enter_context(fitting)
                all_rejected.append(rejected)
            else:
                # Spark reads files here too, where it infers a schema.
                with explained(planned.location):
                    rows = read_records(spark, planned, with_raw=False, look=look)
            rows.createOrReplaceTempView(planned.view)
        yield tuple(all_rejected)


def query(spark: SparkSession, plan: Plan) -> QueryResult:
    """Return the result of the HQL's last query, or without one the first source as it is.

    Raises:
        HqlError: If Spark refuses the HQL.
    """
    if plan.script is None:
        return QueryResult(spark.table(plan.sources[0].view))
    return run_script(spark, plan.script, plan.variables)
