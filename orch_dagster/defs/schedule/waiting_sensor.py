"""The sensor that asks for scheduled jobs whose parents are in other runs, when those completed."""

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
    """Runs each waiting job by itself, once all of its parents have completed the date.

    Args:
        location: The registry and the settings.
        schedules: Whose runs leave jobs out.
        jobs: The jobs of the groups, of which a run has the one asset.
    """
    settings = location.settings

    @dg.sensor(
        name=WAITING_SENSOR,
        jobs=jobs,
        minimum_interval_seconds=30,
        # A schedule that is stopped leaves nothing to wait for.
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Asks for the jobs that a schedule's run left out, as they wait for jobs of "
        "other groups or with a cron of their own: each when its parents have completed the date.",
    )
    def waiting_jobs(
        context: dg.SensorEvaluationContext,
    ) -> Iterator[dg.RunRequest | dg.SkipReason]:
        left_out = _left_out(context.instance, location, schedules)
        if left_out:
            with opened_store(settings) as store:
                waiting, ready = _sorted_out(store, left_out)
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
    """The jobs that wait and have not been asked for yet."""
    by_name = {schedule.name: schedule for schedule in schedules}
    registry = location.registry.jobs
    found: list[_Waiting] = []
    for name, cursor in read_cursors(instance, by_name).items():
        for biz_dt, job_names in sorted(cursor.waiting.items()):
            asked = requested_separately(instance, name, biz_dt)
            found += [
                _Waiting(by_name[name], biz_dt, registry[job_name])
                for job_name in job_names
                if job_name in registry and job_name not in asked
            ]
    return found


def _sorted_out(
    store: ControlStore, left_out: Collection[_Waiting]
) -> tuple[list[_Waiting], list[_Waiting]]:
    """Those that wait still, and those whose parents have all completed; one that has completed
    itself since is neither."""
    ids = {id_ for one in left_out for id_ in (one.spec.job_id, *one.spec.parents)}
    done = completed(store, ids, {one.biz_dt for one in left_out})
    waiting: list[_Waiting] = []
    ready: list[_Waiting] = []
    for one in left_out:
        if (one.spec.job_id, one.biz_dt) not in done:
            is_ready = all((parent, one.biz_dt) in done for parent in one.spec.parents)
            (ready if is_ready else waiting).append(one)
    return waiting, ready


def _request(one: _Waiting) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=f"{one.spec.job_name} {one.biz_dt}",
        job_name=one.spec.group.name,
        partition_key=one.biz_dt,
        asset_selection=[asset_key(one.spec)],
        tags={
            PARTITION_TAG: one.biz_dt,
            LEFT_OUT_BY_TAG: one.schedule.name,
            LEFT_OUT_TAG: one.spec.job_name,
        },
    )


def _listed(waiting: Sequence[_Waiting]) -> str:
    names = [f"{one.spec.job_name} {one.biz_dt}" for one in waiting]
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return ", ".join(names[:10]) + more
