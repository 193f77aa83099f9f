"""Events of a run to rows of execution_log: one pure projection for every writer.

The step writes its row at once, the sensor writes later what a crash or an outage left out. Both
read the same facts, so both write the same bytes, and any number of times.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from typing import Any

from orch_dagster.control.records import ExecutionLog
from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import EXECUTION_LOG, from_micros, to_micros
from orch_dagster.spark.outcome import clip_utf8

STARTED = "Started"
COMPLETED = "Completed"
CANCELED = "Canceled"
FAILED_PREFIX = "Failed: "


@dataclass(frozen=True)
class End:
    """How one business date of a step ended."""

    status: str
    """completed, failed or canceled, as an Outcome says it."""
    at: datetime
    message: str | None = None
    started_at: datetime | None = None
    """When this date's own work began, where the step had several."""

    def to_json(self) -> dict[str, Any]:
        """The end as plain values; times as whole microseconds."""
        own_start = {"started_at": to_micros(self.started_at)} if self.started_at else {}
        return {
            "status": self.status,
            "at": to_micros(self.at),
            "message": self.message,
            **own_start,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> End:
        """The inverse of to_json."""
        started = document.get("started_at")
        return cls(
            status=document["status"],
            at=from_micros(document["at"]),
            message=document["message"],
            started_at=None if started is None else from_micros(started),
        )


@dataclass(frozen=True)
class StepFacts:
    """What a step knew when it said so; a later word of the same step adds to it.

    Attributes:
        job_name: The job, which is the step.
        job_id: Its id.
        biz_dts: The dates it lands.
        started_at: When it began.
        attempt: 1, and one more for each retry.
        spark_app_id: Once there is one.
        ends: By business date, once it ended.
    """

    job_name: str
    job_id: str
    biz_dts: tuple[str, ...]
    started_at: datetime
    attempt: int = 1
    spark_app_id: str | None = None
    ends: Mapping[str, End] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The facts as plain values; times as whole microseconds."""
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
    def from_json(cls, document: Mapping[str, Any]) -> StepFacts:
        """The inverse of to_json."""
        return cls(
            job_name=document["job_name"],
            job_id=document["job_id"],
            biz_dts=tuple(document["biz_dts"]),
            started_at=from_micros(document["started_at"]),
            attempt=document["attempt"],
            spark_app_id=document["spark_app_id"],
            ends={biz_dt: End.from_json(end) for biz_dt, end in document["ends"].items()},
        )


class RunEnd(Enum):
    """How a run ended, in Dagster's words."""

    SUCCESS = "success"
    FAILURE = "failure"
    CANCELED = "canceled"


@dataclass(frozen=True)
class StepFailed:
    """Dagster's own word that a step failed, for steps that could not say so."""

    job_name: str
    at: datetime
    message: str


@dataclass(frozen=True)
class RunEnded:
    """Dagster's word that the run is over."""

    how: RunEnd
    at: datetime
    message: str = ""


@dataclass(frozen=True)
class RunHistory:
    """What is known of a run.

    Attributes:
        run_id: Dagster's.
        created_at: When the run was created; the same for every reader.
        biz_dts: The dates it was asked for.
        job_ids: job_name to job_id of the steps it planned.
        facts: What its steps said, in any order, repeated or not.
        failures: Dagster's step failures.
        end: The end of the run, if it is over.
        parents: job_name to the steps of the run that come before it.
    """

    run_id: str
    created_at: datetime
    biz_dts: tuple[str, ...]
    job_ids: Mapping[str, str]
    facts: Sequence[StepFacts] = ()
    failures: Sequence[StepFailed] = ()
    end: RunEnded | None = None
    parents: Mapping[str, frozenset[str]] = field(default_factory=dict)


def row_id(run_id: str, created_at: datetime, job_id: str, biz_dt: str) -> str:
    """The key of a row: when the run was created, and a hash of run, job and date."""
    digest = hashlib.sha256("\x00".join((run_id, job_id, biz_dt)).encode()).hexdigest()
    return f"{to_micros(created_at)}_{digest[:12]}"


def project(run: RunHistory) -> list[ExecutionLog]:
    """The rows that a run's events amount to, by job and date.

    A step that said nothing has a row if it failed before it could, if the run was canceled before
    it, or if the run failed when it was its turn. It has none if a step before it did not end well.
    """
    said = _attempts(run.facts)
    rows: list[ExecutionLog] = []
    for job_name in sorted(said):
        failed = [failure for failure in run.failures if failure.job_name == job_name]
        for biz_dt in sorted({day for facts in said[job_name] for day in facts.biz_dts}):
            of_date = [facts for facts in said[job_name] if biz_dt in facts.biz_dts]
            rows.append(_row(run, of_date, biz_dt, failed))
    ended_well = set(said) - {row.job_name for row in rows if row.status != COMPLETED}
    ended_well -= {failure.job_name for failure in run.failures}
    for job_name in sorted(set(run.job_ids) - set(said)):
        if end := _end_unsaid(run, job_name, ended_well):
            rows += [_unsaid(run, end, job_name, biz_dt) for biz_dt in run.biz_dts]
    return rows


def _end_unsaid(run: RunHistory, job_name: str, ended_well: Set[str]) -> End | None:
    """How a step ended that said nothing itself; None where it has no row."""
    failed = [failure for failure in run.failures if failure.job_name == job_name]
    was_due = run.parents.get(job_name, frozenset()) <= ended_well
    if failed or (run.end and (run.end.how is RunEnd.CANCELED or was_due)):
        return _end_from_dagster(run, failed)
    return None


def _attempts(facts: Iterable[StepFacts]) -> dict[str, list[StepFacts]]:
    """All that each step said, as one for each attempt, the first attempt first.

    The order in which it comes makes no difference.
    """
    said: dict[tuple[str, int], list[StepFacts]] = {}
    for fact in sorted(facts, key=lambda fact: (fact.attempt, len(fact.ends), fact.started_at)):
        said.setdefault((fact.job_name, fact.attempt), []).append(fact)
    found: dict[str, list[StepFacts]] = {}
    for (job_name, _), words in said.items():
        applications = [word.spark_app_id for word in words if word.spark_app_id]
        merged = replace(
            words[-1],
            started_at=min(word.started_at for word in words),
            biz_dts=tuple(sorted({day for word in words for day in word.biz_dts})),
            spark_app_id=applications[-1] if applications else None,
            ends={day: end for word in words for day, end in word.ends.items()},
        )
        found.setdefault(job_name, []).append(merged)
    return found


def _row(
    run: RunHistory, attempts: Sequence[StepFacts], biz_dt: str, failed: Sequence[StepFailed]
) -> ExecutionLog:
    """The row of a date: as its last attempt ended, from its first start on."""
    facts = attempts[-1]
    end = facts.ends.get(biz_dt) or _end_from_dagster(run, failed)
    status, message = _status(end)
    first = min(each.started_at for each in attempts)
    started_at = (end.started_at if end else None) or first
    applications = [each.spark_app_id for each in attempts if each.spark_app_id]
    return ExecutionLog(
        id=row_id(run.run_id, run.created_at, facts.job_id, biz_dt),
        job_id=facts.job_id,
        job_name=facts.job_name,
        run_id=run.run_id,
        # A run that named no date has a row all the same, without one.
        biz_dt=biz_dt or None,
        spark_app_id=applications[-1] if applications else None,
        status=status,
        start_time=started_at,
        end_time=end.at if end else None,
        duration=(end.at - started_at).total_seconds() if end else None,
        attempts=facts.attempt,
        error_message=message,
    )


def _end_from_dagster(run: RunHistory, failed: Sequence[StepFailed]) -> End | None:
    """The end of a step that did not live to tell it."""
    if failed:
        first = min(failed, key=lambda failure: failure.at)
        return End("failed", first.at, first.message)
    match run.end:
        case RunEnded(RunEnd.CANCELED, at):
            return End("canceled", at)
        case RunEnded(RunEnd.FAILURE, at, message):
            return End("failed", at, message)
        case RunEnded(RunEnd.SUCCESS, at):
            return End("completed", at)
        case _:
            return None


def _unsaid(run: RunHistory, end: End, job_name: str, biz_dt: str) -> ExecutionLog:
    job_id = run.job_ids[job_name]
    status, message = _status(end)
    return ExecutionLog(
        id=row_id(run.run_id, run.created_at, job_id, biz_dt),
        job_id=job_id,
        job_name=job_name,
        run_id=run.run_id,
        biz_dt=biz_dt,
        status=status,
        end_time=end.at,
        attempts=0,
        error_message=message,
    )


def _status(end: End | None) -> tuple[str, str | None]:
    """The row's status and error_message."""
    if end is None:
        return STARTED, None
    if end.status == "completed":
        return COMPLETED, None
    if end.status == "canceled":
        return CANCELED, None
    message = clip_utf8(end.message or "") or "no reason was given"
    return FAILED_PREFIX + message, message


def write_rows(store: ControlStore, rows: Sequence[ExecutionLog]) -> None:
    """Write projected rows: a start never undoes an end, an end never replaces a value by null."""
    started = [row.to_row() for row in rows if row.status == STARTED]
    ended = [
        {name: value for name, value in row.to_row().items() if value is not None}
        for row in rows
        if row.status != STARTED
    ]
    if started:
        store.insert_ignore(EXECUTION_LOG, started)
    if ended:
        store.upsert(EXECUTION_LOG, ended)
