"""Check the staged rows before they are swapped in: their columns, their keys, the changes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from framework import report
from framework.check import drift, key_checks
from framework.check.key_checks import Earlier
from framework.check.previous_date import History, Landed
from framework.errors import (
    CheckFailedError,
    PartitionTypesError,
    SchemaDriftError,
    SourceGoneError,
)
from framework.failures import explained
from framework.logging import get_logger
from framework.params import JobParams
from framework.plan import BIZ_DT, Plan, PlannedSink
from framework.report import CheckResult, Drift
from framework.storage.filesystem import FileSystem, Usage
from framework.storage.read_back import columns_of, has_schema, read_folder, read_landed

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_T = TypeVar("_T")


@dataclass(frozen=True)
class Findings:
    """The findings on a date that may be published."""

    drift: Drift | None
    checks: tuple[CheckResult, ...]


@dataclass(frozen=True)
class StagedSink:
    """A sink of files with its staging folder `folder` and its rows `shaped`."""

    planned: PlannedSink
    folder: str
    shaped: DataFrame


@dataclass(frozen=True)
class Result:
    """The rows of a date's query, their number, and the files of each staging folder."""

    rows: DataFrame
    row_count: int
    staged: Mapping[str, Usage]


@dataclass(frozen=True)
class _Landing:
    """A date that is about to be published.

    `best` is the sink to read back, one with columns if there is one; `history` has its dates.
    """

    spark: SparkSession
    params: JobParams
    plan: Plan
    result: Result
    best: StagedSink | None
    history: History | None

    @property
    def title(self) -> str:
        return f"{self.params.job_name} {self.plan.biz_dt}"


def run_checks(
    spark: SparkSession,
    fs: FileSystem,
    params: JobParams,
    plan: Plan,
    sinks: Sequence[StagedSink],
    result: Result,
) -> Findings:
    """Compare the columns with the last landing's, check the keys, count and report the changes.

    The checks read the staged files, in a format with columns if a sink has one; they read
    `result` only if all sinks are tables.

    Raises:
        SchemaDriftError: If columns changed, and the settings refuse that.
        CheckFailedError: If a check failed that the settings make blocking.
    """
    best = next((each for each in sinks if has_schema(each.planned)), next(iter(sinks), None))
    history = None
    if best and has_schema(best.planned):
        history = History(fs, best.planned, plan.biz_dt)
    landing = _Landing(spark, params, plan, result, best, history)
    changes = _drift(landing, best, history) if best and history else None
    results = _checks(landing)
    if results:
        report.checks(plan.biz_dt.isoformat(), results)
        _refuse_failed(params, plan, results)
    return Findings(changes, results)


def _drift(landing: _Landing, best: StagedSink, history: History) -> Drift | None:
    spark, planned, last = landing.spark, best.planned, history.last()
    if last is None:
        return None
    before = _read_earlier(last, lambda: columns_of(spark, planned, last.folder))
    if isinstance(before, str):
        return None
    changes = drift.drift_between(before, columns_of(spark, planned, best.folder), last.biz_dt)
    text = drift.described(changes)
    if text and landing.params.drift_is_refused:
        raise SchemaDriftError(
            f"{planned.root}: other columns than on {last.biz_dt}: {text}; nothing was published, "
            "the old data is in place. Correct the source or the HQL; or set the sys_param "
            "schema.drift (param_type system) to report, which publishes and only reports."
        )
    if text:
        _log().warning("%s: other columns than on %s: %s", landing.title, last.biz_dt, text)
    return changes


def _checks(landing: _Landing) -> tuple[CheckResult, ...]:
    best, title = landing.best, landing.title
    business_keys, compare_cols = landing.params.key_columns(landing.plan.biz_dt)
    if not business_keys:
        return ()
    rows = landing.result.rows
    if best:
        rows = read_folder(landing.spark, best.planned, best.folder, best.shaped.schema)
    names = key_checks.names_in(rows, business_keys, compare_cols, [BIZ_DT])
    if names is None and landing.params.business_keys:
        # The job's own keys are meant for this result.
        names = key_checks.missing_names(rows, landing.params.business_keys)
    if names is None:
        _log().info(
            "%s: no checks, the result has none of the business_keys %s",
            title,
            ", ".join(business_keys),
        )
        return ()
    results = _compared(landing, rows, names)
    for each in results:
        log = _log().info if each.passed else _log().warning
        log("%s: %s %s: %s", title, each.name, _word(each), key_checks.described(each))
    return results


def _compared(
    landing: _Landing, rows: DataFrame, names: key_checks.Names
) -> tuple[CheckResult, ...]:
    params, best, history = landing.params, landing.best, landing.history
    row_count = landing.result.row_count

    def check(earlier: Earlier) -> tuple[CheckResult, ...]:
        with explained(best.planned.root if best else "the result"):
            return key_checks.check_keys(
                rows,
                names,
                earlier,
                row_count=row_count,
                blocking=params.checks_are_blocking,
            )

    if best is None:
        return check(Earlier(why_not="only tables are among the sinks, which tell no dates apart"))
    if history is None:
        form = best.planned.sink.format
        return check(Earlier(why_not=f"files of format {form} do not tell their columns"))
    landed = history.before()
    if landed is None:
        return check(Earlier(why_not=f"no date before {landing.plan.biz_dt} is there"))

    # About how many rows it has, by the sizes of both dates' files.
    size_bytes = landing.result.staged[best.folder].size_bytes or 1
    earlier_count = row_count * landed.size_bytes // size_bytes

    def check_with_earlier() -> tuple[CheckResult, ...]:
        earlier = read_landed(landing.spark, best.planned, landed.folder, rows.schema)
        return check(Earlier(landed.biz_dt, earlier, earlier_count))

    results = _read_earlier(landed, check_with_earlier)
    # Checked again without the earlier rows, so that a fault of this date's own rows still shows.
    return check(Earlier(why_not=results)) if isinstance(results, str) else results


def _read_earlier(landed: Landed, read: Callable[[], _T]) -> _T | str:
    """Read an earlier date, or return why it can't be read.

    Another run may be swapping its files, or one may be broken, which must not fail this date.
    """
    from py4j.protocol import Py4JJavaError
    from pyspark.errors import PySparkException

    try:
        return read()
    except (SourceGoneError, PartitionTypesError, PySparkException, Py4JJavaError) as error:
        _log().warning("%s can't be read", landed.folder, exc_info=error)
        return f"biz_dt {landed.biz_dt} can't be read, see the log"


def _refuse_failed(params: JobParams, plan: Plan, results: Sequence[CheckResult]) -> None:
    failed = {
        each.name: key_checks.described(each)
        for each in results
        if each.blocking and not each.passed
    }
    if failed:
        raise CheckFailedError(f"{params.job_name} {plan.biz_dt}", failed)


def _word(result: CheckResult) -> str:
    return "passed" if result.passed else "failed"


def _log() -> logging.Logger:
    return get_logger("framework.verify")
