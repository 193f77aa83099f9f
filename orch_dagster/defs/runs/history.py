"""Read a RunHistory from Dagster's event log, and write a step's report into it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from functools import lru_cache, partial
from typing import TYPE_CHECKING

import dagster as dg
from dagster import DagsterEventType

from orch_dagster.defs.dagster_internals.engine_events import (
    engine_event_metadata,
    write_engine_event,
)
from orch_dagster.defs.dagster_internals.failures import (
    MARKED_AS_FAILED,
    engine_error,
    run_end_reason,
    step_failure_reason,
)
from orch_dagster.defs.dagster_internals.run_events import events_of_run
from orch_dagster.defs.dagster_internals.run_plan import plan_of_run, planned_steps
from orch_dagster.defs.partitions import biz_dts_or_none
from orch_dagster.defs.translator import job_id_in
from orch_dagster.execution_log import (
    RunEndEvent,
    RunHistory,
    RunStatus,
    StepFailureEvent,
    StepReport,
)

if TYPE_CHECKING:
    from dagster import DagsterEvent, DagsterInstance, DagsterRun, EventLogEntry, RunRecord

ORCHESTRATOR_DIED = "the orchestrator died"

# Runs of every version have the report under this key.
_REPORT = "orch/step_facts"
_PLANS_KEPT = 100

RUN_ENDS: Mapping[DagsterEventType, RunStatus] = {
    DagsterEventType.RUN_SUCCESS: RunStatus.SUCCESS,
    DagsterEventType.RUN_FAILURE: RunStatus.FAILURE,
    DagsterEventType.RUN_CANCELED: RunStatus.CANCELED,
}


def report_step(
    instance: DagsterInstance, run: DagsterRun, report: StepReport, message: str
) -> None:
    """Write a step's report into the run's event log, at once, so that it outlives this process."""
    metadata = {_REPORT: dg.MetadataValue.json(report.to_json())}
    write_engine_event(instance, run, report.job_name, message, metadata)


def reported_step(event: DagsterEvent) -> StepReport | None:
    """Return the report that an event holds, or None."""
    if event.event_type is not DagsterEventType.ENGINE_EVENT:
        return None
    report = engine_event_metadata(event).get(_REPORT)
    if not isinstance(report, dg.JsonMetadataValue):
        return None
    return StepReport.from_json(report.data)  # pyright: ignore[reportArgumentType]


class HistoryReader:
    """Reads the histories of runs, one after another.

    Args:
        instance: The instance of the runs.
        job_ids: job_name to job_id of the registry's jobs.
        store_address: The control store. Steps whose plan names it count also if the registry has
            lost their job; by default, and of runs of older versions, only the registry's do.
    """

    def __init__(
        self,
        instance: DagsterInstance,
        job_ids: Mapping[str, str],
        store_address: str | None = None,
    ) -> None:
        self._instance = instance
        self._job_ids = job_ids
        self._store_address = store_address
        # The runs of a job share one plan, whatever their dates.
        self._planned_steps = lru_cache(_PLANS_KEPT)(partial(planned_steps, instance))

    def read(self, record: RunRecord) -> RunHistory:
        """Return the history of a run from its event log."""
        run = record.dagster_run
        wanted = {DagsterEventType.ENGINE_EVENT, DagsterEventType.STEP_FAILURE, *RUN_ENDS}
        reports: list[StepReport] = []
        failures: list[StepFailureEvent] = []
        end: RunEndEvent | None = None
        run_error: str | None = None
        for entry in events_of_run(self._instance, run.run_id, wanted):
            event = entry.dagster_event
            if event is None:
                continue
            if event.event_type is DagsterEventType.ENGINE_EVENT:
                if report := reported_step(event):
                    reports.append(report)
                elif event.step_key is None:
                    run_error = engine_error(event) or run_error
            elif event.event_type is DagsterEventType.STEP_FAILURE:
                failures.append(
                    StepFailureEvent(str(event.step_key), _at(entry), step_failure_reason(event))
                )
            elif end is None:
                reason = _run_reason(event, run_error)
                end = RunEndEvent(RUN_ENDS[event.event_type], _at(entry), reason)
        steps = self._planned_steps(plan_of_run(run))
        planned_ids = {
            name: job_id_in(step.tags, self._store_address) or self._job_ids.get(name)
            for name, step in steps.items()
        }
        return RunHistory(
            run_id=run.run_id,
            created_at=record.create_timestamp,
            # A run without a date started no job, so it has no rows.
            biz_dts=biz_dts_or_none(run),
            job_ids={name: job_id for name, job_id in planned_ids.items() if job_id},
            reports=reports,
            failures=failures,
            end=end,
            parents={name: step.upstream for name, step in steps.items()},
        )


def _run_reason(event: DagsterEvent, run_error: str | None) -> str:
    """Return why the run ended; a run that could not begin has its reason in an earlier event."""
    reason = run_end_reason(event)
    return (run_error or ORCHESTRATOR_DIED) if reason == MARKED_AS_FAILED else reason


def _at(entry: EventLogEntry) -> datetime:
    return datetime.fromtimestamp(entry.timestamp, tz=timezone.utc)
