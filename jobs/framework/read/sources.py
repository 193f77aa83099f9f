"""Open the sources of a date as the views row1, row2, .., and ask them for the result."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from framework.hql import run_script
from framework.plan import Plan
from framework.read.bad_records import Rejected, fitting_records
from framework.read.null_tokens import read_records
from framework.read.scan_metrics import Scans

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


@contextmanager
def opened_sources(
    spark: SparkSession, plan: Plan, scans: Scans
) -> Generator[tuple[Rejected, ...]]:
    """A block in which the views are there; yields the bad records of those that tell them apart.

    Raises:
        BadRecordsError: too many records of a source do not fit its schema.
        SourceGoneError: a source's file disappeared.
    """
    found: list[Rejected] = []
    with ExitStack() as stack:
        for planned in plan.sources:
            bad_records = planned.source.bad_records
            if bad_records and planned.rejected:
                fitting = fitting_records(spark, planned, bad_records, planned.rejected, scans)
                rows, rejected = stack.enter_context(fitting)
                found.append(rejected)
            else:
                rows = read_records(spark, planned, with_raw=False)
            rows.createOrReplaceTempView(planned.view)
        yield tuple(found)


def query(spark: SparkSession, plan: Plan) -> DataFrame:
    """Return the result: the HQL's, or the first source as it is where there is none.

    Raises:
        HqlError: Spark refuses the HQL.
    """
    if plan.script is None:
        return spark.table(plan.sources[0].view)
    return run_script(spark, plan.script, plan.variables)
