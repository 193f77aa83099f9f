"""Read a RunHistory from Dagster's event log, and write the one event of ours into it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from functools import lru_cache, partial
from typing import TYPE_CHECKING

import dagster as dg
from dagster import DagsterEventType
from dagster._core.events import EngineEventData

from orch_dagster.defs.dagster_internals.run_events import events_of_run
from orch_dagster.defs.partitions import biz_dts_of
from orch_dagster.errors import NotReadyError
from orch_dagster.execution_log import (
    RunEndEvent,
    RunHistory,
    RunStatus,
    StepFailureEvent,
    StepReport,
)

if TYPE_CHECKING:
    from dagster import DagsterEvent, DagsterInstance, DagsterRun, EventLogEntry, RunRecord
    from dagster._core.execution.plan.objects import StepFailureData
    from dagster._utils.error import SerializableErrorInfo

ORCHESTRATOR_DIED = "the orchestrator died"

# The key under which runs of every version have it.
_REPORT = "orch/step_facts"
# Dagster's words where a code server finds that the process of a run is gone.
_SAID_OF_A_CRASH = "This run has been marked as failed from outside the execution context."
_PLANS_KEPT = 100

RUN_ENDS: Mapping[DagsterEventType, RunStatus] = {
    DagsterEventType.RUN_SUCCESS: RunStatus.SUCCESS,
    DagsterEventType.RUN_FAILURE: RunStatus.FAILURE,
    DagsterEventType.RUN_CANCELED: RunStatus.CANCELED,
}


def report_step(
    instance: DagsterInstance, run: DagsterRun, report: StepReport, message: str
) -> None:
    """Write a step's report into the run's event log, at once: it must outlive this process."""
    instance.report_engine_event(
        message,
        dagster_run=run,
        engine_event_data=EngineEventData(
            metadata={_REPORT: dg.MetadataValue.json(report.to_json())}
        ),
        step_key=report.job_name,
    )


class HistoryReader:
    """Reads the histories of runs, one after another.

    Args:
        instance: Where the runs are.
        job_ids: job_name to job_id of the jobs there are; other steps are not ours.
    """

    def __init__(self, instance: DagsterInstance, job_ids: Mapping[str, str]) -> None:
        self._instance = instance
        self._job_ids = job_ids
        # The runs of a job share one plan, whatever their dates.
        self._planned_steps = lru_cache(_PLANS_KEPT)(partial(planned_steps, instance))

    def read(self, record: RunRecord) -> RunHistory:
        """Return the history of a run, as its event log has it."""
        run = record.dagster_run
        wanted = {DagsterEventType.ENGINE_EVENT, DagsterEventType.STEP_FAILURE, *RUN_ENDS}
        reports: list[StepReport] = []
        failures: list[StepFailureEvent] = []
        end: RunEndEvent | None = None
        for entry in events_of_run(self._instance, run.run_id, wanted):
            event = entry.dagster_event
            if event is None:
                continue
            if event.event_type is DagsterEventType.ENGINE_EVENT:
                report = event.engine_event_data.metadata.get(_REPORT)
                if isinstance(report, dg.JsonMetadataValue):
                    reports.append(StepReport.from_json(report.data))  # pyright: ignore[reportArgumentType]
            elif event.event_type is DagsterEventType.STEP_FAILURE:
                failures.append(
                    StepFailureEvent(
                        str(event.step_key), _at(entry), reason(event.step_failure_data)
                    )
                )
            elif end is None:
                end = RunEndEvent(RUN_ENDS[event.event_type], _at(entry), _run_reason(event))
        parents = self._planned_steps(run.execution_plan_snapshot_id)
        return RunHistory(
            run_id=run.run_id,
            created_at=record.create_timestamp,
            biz_dts=_dates_or_none(run),
            job_ids={name: self._job_ids[name] for name in parents if name in self._job_ids},
            reports=reports,
            failures=failures,
            end=end,
            parents=parents,
        )


def reason(failure: StepFailureData) -> str:
    """Return what went wrong, without Dagster's wrapping."""
    if failure.user_failure_data and failure.user_failure_data.description:
        return failure.user_failure_data.description
    return _first_cause(failure.error) or "the step failed"


def _run_reason(event: DagsterEvent) -> str:
    """Return why a run ended, where no step of it was the cause."""
    data = event.job_failure_data if event.event_type is DagsterEventType.RUN_FAILURE else None
    said = _first_cause(data.error if data else None) or event.message or ""
    return ORCHESTRATOR_DIED if said == _SAID_OF_A_CRASH else said


def _first_cause(error: SerializableErrorInfo | None) -> str | None:
    while error is not None and error.cause is not None:
        error = error.cause
    return error.message.strip() if error else None


def _at(entry: EventLogEntry) -> datetime:
    return datetime.fromtimestamp(entry.timestamp, tz=timezone.utc)


def _dates_or_none(run: DagsterRun) -> tuple[str, ...]:
    try:
        return biz_dts_of(run)
    except NotReadyError:
        # A run without a date started no job, so no row of it is wanted.
        return ()


def planned_steps(instance: DagsterInstance, plan_id: str | None) -> dict[str, frozenset[str]]:
    """Return the steps that a run was to execute, each with those of them that come before it.

    Args:
        instance: Where the run is.
        plan_id: The run's execution_plan_snapshot_id.
    """
    if plan_id is None:
        return {}
    plan = instance.get_execution_plan_snapshot(plan_id)
    wanted = set(plan.step_keys_to_execute)
    return {
        step.key: frozenset(
            key for each in step.inputs for key in each.upstream_step_keys if key in wanted
        )
        for step in plan.steps
        if step.key in wanted
    }
