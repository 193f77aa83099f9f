"""Turn the events of a run into rows of execution_log: one pure projection for every writer.

The step writes its row at once; the sensor later writes rows that a crash or an outage kept from
being written. Both read the same reports, so both write the same bytes, any number of times.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from typing import Any

from orch_dagster.control.records import (
    CANCELED,
    COMPLETED,
    FAILED_PREFIX,
    STARTED,
    ExecutionLog,
)
from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import EXECUTION_LOG, from_micros, to_micros
from orch_dagster.text import clip_utf8

_MESSAGE = "error_message"
LEFT_OUT = (
    "the run ended without this job: when the run began, job_master had no valid row of its name"
)


@dataclass(frozen=True)
class DateResult:
    """The end of one business date of a step."""

    status: str
    """completed, failed or canceled, as in an Outcome."""
    at: datetime
    message: str | None = None
    started_at: datetime | None = None
    """When the work on this date began, if the step had several."""
    row_count: int | None = None
    """The number of landed rows, if any landed."""

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain values, its times in whole microseconds."""
        own_start = {"started_at": to_micros(self.started_at)} if self.started_at else {}
        rows = {} if self.row_count is None else {"row_count": self.row_count}
        return {
            "status": self.status,
            "at": to_micros(self.at),
            "message": self.message,
            **own_start,
            **rows,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> DateResult:
        """Return the value that `to_json` was called on."""
        started = document.get("started_at")
        return cls(
            status=document["status"],
            at=from_micros(document["at"]),
            message=document["message"],
            started_at=None if started is None else from_micros(started),
            row_count=document.get("row_count"),
        )


@dataclass(frozen=True)
class StepReport:
    """The state of a step when it reported; a later report of the same step adds to it.

    Attributes:
        job_name: The step's job.
        job_id: The job's id.
        biz_dts: The dates it lands.
        started_at: When it began.
        attempt: 1, and one more for each retry.
        spark_app_id: The id of its Spark application, once it has one.
        ends: The results so far, by business date.
    """

    job_name: str
    job_id: str
    biz_dts: tuple[str, ...]
    started_at: datetime
    attempt: int = 1
    spark_app_id: str | None = None
    ends: Mapping[str, DateResult] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain values, its times in whole microseconds."""
        return {
            "job_name": self.job_name,
            "job_id": self.job_id,
            "biz_dts": list(self.biz_dts),
            "started_at": to_micros(self.started_at),
            "attempt": self.attempt,
            "spark_app_id": self.spark_app_id,
            "ends": {biz_dt: end.to_json() for biz_dt, end in self.ends.items()},
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> StepReport:
        """Return the value that `to_json` was called on."""
        return cls(
            job_name=document["job_name"],
            job_id=document["job_id"],
            biz_dts=tuple(document["biz_dts"]),
            started_at=from_micros(document["started_at"]),
            attempt=document["attempt"],
            spark_app_id=document["spark_app_id"],
            ends={biz_dt: DateResult.from_json(end) for biz_dt, end in document["ends"].items()},
        )


class RunStatus(Enum):
    """The end of a run."""

    SUCCESS = "success"
    FAILURE = "failure"
    CANCELED = "canceled"


@dataclass(frozen=True)
class StepFailureEvent:
    """Dagster's event that a step failed, for steps that couldn't report it."""

    job_name: str
    at: datetime
    message: str


@dataclass(frozen=True)
class RunEndEvent:
    """Dagster's event that a run ended."""

    status: RunStatus
    at: datetime
    message: str = ""


@dataclass(frozen=True)
class RunHistory:
    """The events of a run, as far as they are known.

    Attributes:
        run_id: Dagster's run id.
        created_at: When the run was created; the same for every reader.
        biz_dts: The dates it was requested for.
        job_ids: job_name to job_id of the steps it planned.
        reports: The reports of its steps, in any order, repeated or not.
        failures: Dagster's step failures.
        end: The end of the run, if it has ended.
        parents: job_name to the steps of the run that are upstream of it.
    """

    run_id: str
    created_at: datetime
    biz_dts: tuple[str, ...]
    job_ids: Mapping[str, str]
    reports: Sequence[StepReport] = ()
    failures: Sequence[StepFailureEvent] = ()
    end: RunEndEvent | None = None
    parents: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def is_cut_off(self) -> bool:
        """True if a step has begun and reported no end, as of a run that was ended by force."""
        begun = {(each.job_name, day) for each in self.reports for day in each.biz_dts}
        return bool(begun - {(each.job_name, day) for each in self.reports for day in each.ends})


def row_id(run_id: str, created_at: datetime, job_id: str, biz_dt: str) -> str:
    """Return the key of a row: when the run was created, and a hash of run, job and date."""
    digest = hashlib.sha256("\x00".join((run_id, job_id, biz_dt)).encode()).hexdigest()
    return f"{to_micros(created_at)}_{digest[:12]}"


def project(run: RunHistory) -> list[ExecutionLog]:
    """Return the rows of a run's events, by job and date.

    A step without a report has a row if it failed before it could report, if the run was canceled
    before it, or if the run ended when it was its turn. It has no row if an upstream step did not
    complete, or if its job reported under a new name.
    """
    attempts_by_job = _attempts_by_job(run.reports)
    rows: list[ExecutionLog] = []
    for job_name, attempts in sorted(attempts_by_job.items()):
        failures = [failure for failure in run.failures if failure.job_name == job_name]
        for biz_dt in sorted({day for attempt in attempts for day in attempt.biz_dts}):
            of_date = [attempt for attempt in attempts if biz_dt in attempt.biz_dts]
            rows.append(_reported_row(run, of_date, biz_dt, failures))
    completed = set(attempts_by_job) - {row.job_name for row in rows if row.status != COMPLETED}
    completed -= {failure.job_name for failure in run.failures}
    reported_ids = {report.job_id for report in run.reports}
    unreported = {name for name, job_id in run.job_ids.items() if job_id not in reported_ids}
    for job_name in sorted(unreported - set(attempts_by_job)):
        if result := _unreported_result(run, job_name, completed):
            rows += [_unreported_row(run, result, job_name, biz_dt) for biz_dt in run.biz_dts]
    return rows


def _unreported_result(run: RunHistory, job_name: str, completed: Set[str]) -> DateResult | None:
    """Return the result of a step without reports, or None if it gets no row."""
    failures = [failure for failure in run.failures if failure.job_name == job_name]
    was_due = run.parents.get(job_name, frozenset()) <= completed
    if not failures and run.end and run.end.status is RunStatus.SUCCESS and was_due:
        return DateResult("failed", run.end.at, LEFT_OUT)
    if failures or (run.end and (run.end.status is RunStatus.CANCELED or was_due)):
        return _result_from_dagster(run, failures)
    return None


def _attempts_by_job(reports: Iterable[StepReport]) -> dict[str, list[StepReport]]:
    """Merge the reports of each attempt of a step into one, whatever their order; oldest first."""
    by_attempt: dict[tuple[str, int], list[StepReport]] = {}
    for report in sorted(reports, key=lambda each: (each.attempt, len(each.ends), each.started_at)):
        by_attempt.setdefault((report.job_name, report.attempt), []).append(report)
    attempts: dict[str, list[StepReport]] = {}
    for (job_name, _), of_attempt in by_attempt.items():
        applications = [report.spark_app_id for report in of_attempt if report.spark_app_id]
        merged = replace(
            of_attempt[-1],
            started_at=min(report.started_at for report in of_attempt),
            biz_dts=tuple(sorted({day for report in of_attempt for day in report.biz_dts})),
            spark_app_id=applications[-1] if applications else None,
            ends={day: result for report in of_attempt for day, result in report.ends.items()},
        )
        attempts.setdefault(job_name, []).append(merged)
    return attempts


def _reported_row(
    run: RunHistory,
    attempts: Sequence[StepReport],
    biz_dt: str,
    failures: Sequence[StepFailureEvent],
) -> ExecutionLog:
    """Return the row of a date, with the end of its last attempt and the start of its first."""
    last = attempts[-1]
    result = last.ends.get(biz_dt) or _result_from_dagster(run, failures)
    status, message = _status(result)
    first_start = min(attempt.started_at for attempt in attempts)
    started_at = (result.started_at if result else None) or first_start
    applications = [attempt.spark_app_id for attempt in attempts if attempt.spark_app_id]
    return ExecutionLog(
        id=row_id(run.run_id, run.created_at, last.job_id, biz_dt),
        job_id=last.job_id,
        job_name=last.job_name,
        run_id=run.run_id,
        # A run without a date has a row too, with a null.
        biz_dt=biz_dt or None,
        spark_app_id=applications[-1] if applications else None,
        status=status,
        start_time=started_at,
        end_time=result.at if result else None,
        duration=(result.at - started_at).total_seconds() if result else None,
        attempts=last.attempt,
        row_count=result.row_count if result else None,
        error_message=message,
    )


def _result_from_dagster(
    run: RunHistory, failures: Sequence[StepFailureEvent]
) -> DateResult | None:
    """Return the result that Dagster's events give for a step that couldn't report its own."""
    if failures:
        first = min(failures, key=lambda failure: failure.at)
        return DateResult("failed", first.at, first.message)
    match run.end:
        case RunEndEvent(RunStatus.CANCELED, at):
            return DateResult("canceled", at)
        case RunEndEvent(RunStatus.FAILURE, at, message):
            return DateResult("failed", at, message)
        case RunEndEvent(RunStatus.SUCCESS, at):
            return DateResult("completed", at)
        case _:
            return None


def _unreported_row(
    run: RunHistory, result: DateResult, job_name: str, biz_dt: str
) -> ExecutionLog:
    job_id = run.job_ids[job_name]
    status, message = _status(result)
    return ExecutionLog(
        id=row_id(run.run_id, run.created_at, job_id, biz_dt),
        job_id=job_id,
        job_name=job_name,
        run_id=run.run_id,
        biz_dt=biz_dt,
        status=status,
        end_time=result.at,
        attempts=0,
        error_message=message,
    )


def _status(result: DateResult | None) -> tuple[str, str | None]:
    """Return the row's status and error_message."""
    if result is None:
        return STARTED, None
    if result.status == "completed":
        return COMPLETED, None
    if result.status == "canceled":
        return CANCELED, None
    message = clip_utf8(result.message or "") or "no reason was given"
    return FAILED_PREFIX + message, message


def write_rows(store: ControlStore, rows: Sequence[ExecutionLog]) -> None:
    """Write projected rows; a start never overwrites an end, and an end no value by a null.

    The exception is error_message, which belongs to the status: it may still say why a job waits.
    """
    started = [row.to_row() for row in rows if row.status == STARTED]
    ended = [
        {
            name: value
            for name, value in row.to_row().items()
            if value is not None or name == _MESSAGE
        }
        for row in rows
        if row.status != STARTED
    ]
    if started:
        store.insert_ignore(EXECUTION_LOG, started)
    if ended:
        store.upsert(EXECUTION_LOG, ended)


def set_application(store: ControlStore, rows: Sequence[ExecutionLog], spark_app_id: str) -> None:
    """Write the application of rows while it runs, and nothing else of them."""
    _update_started(store, rows, {"spark_app_id": spark_app_id})


def set_waiting(store: ControlStore, rows: Sequence[ExecutionLog], reason: str | None) -> None:
    """Write into rows what their job waits for, None once it waits no more."""
    _update_started(store, rows, {_MESSAGE: clip_utf8(reason) if reason else None})


def _update_started(
    store: ControlStore, rows: Sequence[ExecutionLog], values: Mapping[str, str | None]
) -> None:
    # A date that ended in an earlier attempt keeps its row.
    updates = [{"id": row.id, **values} for row in rows if row.status == STARTED]
    if updates:
        store.update(EXECUTION_LOG, updates)
