"""Runs that Dagster still lists as unfinished although their process is gone."""

from __future__ import annotations

import math
from collections.abc import Container
from datetime import datetime, timezone

import dagster as dg
from dagster import DagsterInstance, DagsterRunStatus, RunRecord

from orch_dagster.defs.dagster_internals.run_changes import fail_run
from orch_dagster.defs.dagster_internals.run_plan import plan_of_run, planned_steps
from orch_dagster.defs.runs.dead_applications import ApplicationEnder, marks_in, with_unended
from orch_dagster.defs.runs.history import ORCHESTRATOR_DIED
from orch_dagster.defs.runs.liveness import is_process_gone, names_process, own_tags

BEGUN = (DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING)
"""The statuses of runs that have left the queue and have not ended."""


def fail_dead_runs(
    instance: DagsterInstance, job_names: Container[str], heartbeat_timeout_s: float = math.inf
) -> list[str]:
    """Fail the unfinished runs whose process is gone, as is_process_gone tells.

    What they left on YARN is ended first.

    Args:
        instance: The instance of the runs.
        job_names: The registry's jobs; other runs may not name their process.
        heartbeat_timeout_s: As for is_process_gone; for a run without any heartbeat, seconds after
            its last event.

    Returns:
        The ids of the failed runs.
    """
    unfinished = instance.get_run_records(dg.RunsFilter(statuses=BEGUN))
    failed: list[str] = []
    with ApplicationEnder() as applications:
        for record in unfinished:
            if not _has_died(instance, record, job_names, heartbeat_timeout_s):
                continue
            # Read again, as it may have succeeded since it was listed.
            run = instance.get_run_by_id(record.dagster_run.run_id)
            if run is not None and run.status in BEGUN:
                unended = applications.end(run.run_id, marks_in(run.tags))
                fail_run(instance, run, with_unended(ORCHESTRATOR_DIED, unended))
                failed.append(run.run_id)
    return failed


def _has_died(
    instance: DagsterInstance,
    record: RunRecord,
    job_names: Container[str],
    heartbeat_timeout_s: float,
) -> bool:
    run = record.dagster_run
    if names_process(tags := own_tags(run)):
        return is_process_gone(tags, heartbeat_timeout_s)
    silent = datetime.now(timezone.utc) - record.update_timestamp
    return silent.total_seconds() > heartbeat_timeout_s and any(
        step in job_names for step in planned_steps(instance, plan_of_run(run))
    )
