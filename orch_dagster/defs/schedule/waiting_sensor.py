"""The sensor that requests scheduled jobs once their parents in other runs have completed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import dagster as dg
from dagster import DagsterInstance

from framework.contract.some_of import some_of
from orch_dagster.control.completions import completed
from orch_dagster.control.connect import opened_store
from orch_dagster.control.group import GroupKey
from orch_dagster.control.open_dates import open_dates
from orch_dagster.control.store import ControlStore
from orch_dagster.defs.dagster_internals.previews import is_preview
from orch_dagster.defs.open_partitions import add_open_dates
from orch_dagster.defs.partitions import dates_of_one_run, run_key_of, tags_of
from orch_dagster.defs.schedule.cursor import (
    LEFT_OUT_BY_TAG,
    LEFT_OUT_TAG,
    WAITING_SENSOR,
    ScheduleCursor,
    read_cursors,
    requested_dates,
    requested_separately,
)
from orch_dagster.defs.schedule.dated_runs import DatedRuns
from orch_dagster.defs.schedule.schedule_requests import NextRun
from orch_dagster.defs.translator import asset_key
from orch_dagster.registry.jobs import JobSpec
from orch_dagster.registry.location import Location
from orch_dagster.schedule.schedules import Schedule


@dataclass(frozen=True)
class _Waiting:
    """A job that the run of a schedule left out on a date.

    Attributes:
        schedule: The schedule.
        biz_dt: The date.
        spec: The job.
        held_up: The ids of its runs of that date that other runs held up.
    """

    schedule: Schedule
    biz_dt: str
    spec: JobSpec
    held_up: tuple[str, ...] = ()


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
        runs = DatedRuns(context.instance)
        cursors = read_cursors(context.instance, [schedule.name for schedule in schedules])
        left_out = _left_out(runs, context.instance, location, schedules, cursors)
        held = [schedule for schedule in schedules if cursors[schedule.name].held]
        requests: list[dg.RunRequest] = []
        reasons: list[str] = []
        if left_out or held:
            with opened_store(settings) as store:
                waiting, ready = _split_by_readiness(store, left_out)
                groups = {each.spec.group for each in ready} | {each.group for each in held}
                opened = {group: open_dates(store, group) for group in groups}
                chosen = [
                    _held_dates(each, cursors[each.name], runs, store, location, opened[each.group])
                    for each in held
                ]
            if not is_preview(context):
                for group, biz_dts in opened.items():
                    add_open_dates(context.instance, group, biz_dts)
            requests = [request for request, _ in chosen if request]
            reasons = [reason for _, reason in chosen if reason]
            if waiting:
                reasons.append(f"Parents have not completed: {_listed(waiting)}")
            free, held_jobs = _split_by_holders(runs, ready)
            if held_jobs:
                reasons.append(f"Other runs of the date have not ended: {_listed(held_jobs)}")
            requests += _requests(free, opened, settings.dates_per_run)
        yield from requests
        if not requests:
            yield dg.SkipReason("; ".join(reasons) or "No job waits for another run")

    return waiting_jobs


def _left_out(
    runs: DatedRuns,
    instance: DagsterInstance,
    location: Location,
    schedules: Sequence[Schedule],
    cursors: Mapping[str, ScheduleCursor],
) -> list[_Waiting]:
    """Return the jobs that were left out and have not been requested since."""
    by_name = {schedule.name: schedule for schedule in schedules}
    registry = location.registry.jobs
    left_out: list[_Waiting] = []
    for name, cursor in cursors.items():
        if not cursor.waiting:
            continue
        requested = requested_separately(instance, name, runs)
        for biz_dt, job_names in sorted(cursor.waiting.items()):
            left_out += [
                _Waiting(
                    by_name[name], biz_dt, registry[job_name], requested.held_up(job_name, biz_dt)
                )
                for job_name in job_names
                if job_name in registry and job_name not in requested.names(biz_dt)
            ]
    return left_out


def _held_dates(
    schedule: Schedule,
    cursor: ScheduleCursor,
    runs: DatedRuns,
    store: ControlStore,
    location: Location,
    opened: Collection[str],
) -> tuple[dg.RunRequest | None, str | None]:
    """Return the request of the dates that a tick held, and why others are still held."""
    requested = requested_dates(runs.instance, schedule.name, runs)
    days = [day for day in sorted(cursor.held) if not requested.names(day)]
    done = completed(store, schedule.job_ids, days)
    days = [day for day in days if not all((id_, day) in done for id_ in schedule.job_ids)]
    per_run = location.settings.dates_per_run
    next_run = NextRun(schedule, runs, per_run, after_others=True, opened=opened)
    separate = requested_separately(runs.instance, schedule.name, runs)
    chosen = next_run.choose(days, cursor.waiting, separate.names)
    held_up = [run_id for day in chosen.now for run_id in requested.held_up(schedule.name, day)]
    request = chosen.request(location, chosen.run_key(*held_up) if chosen.now else "")
    if request:
        request = request.with_replaced_attrs(
            job_name=schedule.group.name,
            asset_selection=[asset_key(spec) for spec in chosen.specs],
        )
    reason = (
        f"Held by other runs: {schedule.name} {', '.join(chosen.held)}" if chosen.held else None
    )
    return request, reason


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


def _split_by_holders(
    runs: DatedRuns, ready: Sequence[_Waiting]
) -> tuple[list[_Waiting], list[_Waiting]]:
    """Split the jobs into those to run and those that wait for another run of them.

    Later dates of a job wait with an earlier one, and all of them for the run of others that the
    sensor requested: the changes of a date are counted against the date before.
    """
    left_out = {each.run.tags.get(LEFT_OUT_TAG) for each in runs.unfinished}
    free: list[_Waiting] = []
    held: list[_Waiting] = []
    held_names: set[str] = set()
    for job in sorted(ready, key=lambda job: job.biz_dt):
        name = job.spec.job_name
        if name in left_out or any(runs.holders({name}, {job.biz_dt})):
            held_names.add(name)
        (held if name in held_names else free).append(job)
    return free, held


def _requests(
    free: Sequence[_Waiting], opened: Mapping[GroupKey, Collection[str]], dates_per_run: int
) -> list[dg.RunRequest]:
    """Build one request for each job, of its oldest dates."""
    by_job: dict[tuple[str, str], list[_Waiting]] = defaultdict(list)
    for job in free:
        by_job[job.schedule.name, job.spec.job_name].append(job)
    requests: list[dg.RunRequest] = []
    for waiting in by_job.values():
        days = [each.biz_dt for each in waiting]
        of_run = dates_of_one_run(days, opened[waiting[0].spec.group], dates_per_run)
        requests.append(_request(waiting[: len(of_run)]))
    return requests


def _request(dates: Sequence[_Waiting]) -> dg.RunRequest:
    job = dates[0]
    days = [each.biz_dt for each in dates]
    held_up = [run_id for each in dates for run_id in each.held_up]
    return dg.RunRequest(
        run_key=run_key_of(job.spec.job_name, days, *held_up),
        job_name=job.spec.group.name,
        partition_key=days[0] if len(days) == 1 else None,
        asset_selection=[asset_key(job.spec)],
        tags={
            **tags_of(days),
            LEFT_OUT_BY_TAG: job.schedule.name,
            LEFT_OUT_TAG: job.spec.job_name,
        },
    )


def _listed(waiting: Sequence[_Waiting]) -> str:
    return some_of((f"{job.spec.job_name} {job.biz_dt}" for job in waiting), len(waiting))
