"""The sensor that requests scheduled jobs once their parents in other runs have completed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import dagster as dg
from dagster import DagsterInstance

from orch_dagster.control.completions import completed
from orch_dagster.control.connect import opened_store
from orch_dagster.control.store import ControlStore
from orch_dagster.defs.partitions import PARTITION_TAG
from orch_dagster.defs.schedule.cursor import (
    LEFT_OUT_BY_TAG,
    LEFT_OUT_TAG,
    WAITING_SENSOR,
    read_cursors,
    requested_separately,
)
from orch_dagster.defs.translator import asset_key
from orch_dagster.registry.jobs import JobSpec
from orch_dagster.registry.location import Location
from orch_dagster.schedule.schedules import Schedule


@dataclass(frozen=True)
class _Waiting:
    """A job that the run of a schedule left out on a date."""

    schedule: Schedule
    biz_dt: str
    spec: JobSpec


def waiting_jobs_sensor(
    location: Location, schedules: Sequence[Schedule], jobs: Sequence[dg.JobDefinition]
) -> dg.SensorDefinition:
    """Build the sensor that requests each waiting job once its parents have completed the date.

    Args:
        location: The registry and the settings.
        schedules: The schedules whose runs leave jobs out.
        jobs: The jobs of the groups; a request selects one of their assets.
    """
    settings = location.settings

    @dg.sensor(
        name=WAITING_SENSOR,
        jobs=jobs,
        minimum_interval_seconds=30,
        # With all schedules stopped it has nothing to do.
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Requests the jobs that a schedule's run left out, as they wait for jobs of "
        "other groups or with their own cron: each when its parents have completed the date.",
    )
    def waiting_jobs(
        context: dg.SensorEvaluationContext,
    ) -> Iterator[dg.RunRequest | dg.SkipReason]:
        left_out = _left_out(context.instance, location, schedules)
        if left_out:
            with opened_store(settings) as store:
                waiting, ready = _split_by_readiness(store, left_out)
            yield from map(_request, ready)
            if ready:
                return
            if waiting:
                yield dg.SkipReason(f"Parents have not completed: {_listed(waiting)}")
                return
        yield dg.SkipReason("No job waits for another run")

    return waiting_jobs


def _left_out(
    instance: DagsterInstance, location: Location, schedules: Sequence[Schedule]
) -> list[_Waiting]:
    """Return the jobs that were left out and have not been requested since."""
    by_name = {schedule.name: schedule for schedule in schedules}
    registry = location.registry.jobs
    left_out: list[_Waiting] = []
    for name, cursor in read_cursors(instance, by_name).items():
        for biz_dt, job_names in sorted(cursor.waiting.items()):
            requested = requested_separately(instance, name, biz_dt)
            left_out += [
                _Waiting(by_name[name], biz_dt, registry[job_name])
                for job_name in job_names
                if job_name in registry and job_name not in requested
            ]
    return left_out


def _split_by_readiness(
    store: ControlStore, left_out: Collection[_Waiting]
) -> tuple[list[_Waiting], list[_Waiting]]:
    """Split the jobs into those that wait and those whose parents have all completed.

    A job that has completed meanwhile is in neither list.
    """
    ids = {id_ for job in left_out for id_ in (job.spec.job_id, *job.spec.parents)}
    done = completed(store, ids, {job.biz_dt for job in left_out})
    waiting: list[_Waiting] = []
    ready: list[_Waiting] = []
    for job in left_out:
        if (job.spec.job_id, job.biz_dt) not in done:
            is_ready = all((parent, job.biz_dt) in done for parent in job.spec.parents)
            (ready if is_ready else waiting).append(job)
    return waiting, ready


def _request(job: _Waiting) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=f"{job.spec.job_name} {job.biz_dt}",
        job_name=job.spec.group.name,
        partition_key=job.biz_dt,
        asset_selection=[asset_key(job.spec)],
        tags={
            PARTITION_TAG: job.biz_dt,
            LEFT_OUT_BY_TAG: job.schedule.name,
            LEFT_OUT_TAG: job.spec.job_name,
        },
    )


def _listed(waiting: Sequence[_Waiting]) -> str:
    names = [f"{job.spec.job_name} {job.biz_dt}" for job in waiting]
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return ", ".join(names[:10]) + more
