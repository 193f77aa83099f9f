"""reprocess_dt: the sensor that requests a business date again, and clears it on completion."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timezone
from zoneinfo import ZoneInfo

import dagster as dg
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus

from orch_dagster.control.completions import completed
from orch_dagster.control.connect import opened_store
from orch_dagster.control.records import COMPLETED, ExecutionLog, ProcessControl, read_records
from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import PROCESS_CONTROL
from orch_dagster.defs.dagster_internals.asset_jobs import IMPLICIT_ASSET_JOB_NAME
from orch_dagster.defs.dagster_internals.run_changes import tag_run
from orch_dagster.defs.partitions import PARTITION_TAG, last_biz_dt
from orch_dagster.defs.translator import asset_key
from orch_dagster.registry.jobs import Group
from orch_dagster.registry.location import Location
from orch_dagster.schedule.reprocess import Attempt, downstream, due_rows, why_not_now
from orch_dagster.schedule.schedules import time_zone

REPROCESS_SENSOR = "reprocess"
# The group that a run reprocesses, the requesting reprocess_dt, and the row's run_id at that time.
REPROCESS_TAG = "orch/reprocess"
REPROCESS_DT_TAG = "orch/reprocess_dt"
_ROW_RUN_ID_TAG = "orch/reprocess_row_run_id"
# All jobs completed and the row's value is cleared, so the same value may be set again.
_SETTLED_TAG = "orch/reprocess_settled"

_RUNS_A_TICK = 50


def reprocess_sensor(location: Location, jobs: Sequence[dg.JobDefinition]) -> dg.SensorDefinition:
    """Build the sensor that requests the dates whose reprocess_dt is today or earlier.

    Args:
        location: The registry and the settings.
        jobs: The jobs of the groups, and Dagster's implicit job of all assets.
    """
    settings = location.settings
    groups = {group.key: group for group in location.registry.groups.values()}

    @dg.sensor(
        name=REPROCESS_SENSOR,
        jobs=jobs,
        minimum_interval_seconds=60,
        # It runs only what somebody wrote into a row.
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Requests the business dates whose reprocess_dt in process_control is today or "
        "earlier, with all jobs of the group and those that wait for them.",
    )
    def reprocess(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        now = datetime.now(timezone.utc)
        zones = {
            key: ZoneInfo(time_zone(location, group.key_names)) for key, group in groups.items()
        }
        today = {key: now.astimezone(zone).date().isoformat() for key, zone in zones.items()}
        requested, reasons = 0, list[str]()
        with opened_store(settings) as store:
            rows = read_records(store, ProcessControl, columns=["reprocess_dt", "run_id"])
            due, warnings = due_rows(rows, today)
            for warning in warnings:
                context.log.warning(warning)
            for row in due:
                group = groups[row.group]
                reason = _not_a_partition(location, row, now.date()) or why_not_now(
                    row, _attempts(context.instance, row.biz_dt, group)
                )
                if reason:
                    reasons.append(f"{group.name} {row.biz_dt}: {reason}")
                elif requested < _RUNS_A_TICK:
                    requested += 1
                    yield _request(location, store, row, group)
        if not requested:
            yield dg.SkipReason("; ".join(reasons) or "No reprocess_dt is due")

    return reprocess


def _not_a_partition(location: Location, row: ProcessControl, today_utc: date) -> str | None:
    """Return why Dagster would refuse a run of the date, or None."""
    last = last_biz_dt(today_utc)
    if location.first_biz_dt <= row.biz_dt <= last:
        return None
    return (
        f"not among the partitions, {location.first_biz_dt} to {last}; lower ORCH_FIRST_BIZ_DT "
        f"or reload the code location"
    )


def _attempts(instance: DagsterInstance, biz_dt: str, group: Group) -> Iterator[Attempt]:
    """Yield the runs of the group's jobs for that date."""
    job_names = {group.name, *(spec.job_name for spec in group.jobs)}
    keys = {asset_key(spec) for spec in group.jobs}
    for record in instance.get_run_records(dg.RunsFilter(tags={PARTITION_TAG: biz_dt})):
        run = record.dagster_run
        # A run that was never submitted, as its daemon died, must be requested again.
        if run.status is DagsterRunStatus.NOT_STARTED:
            continue
        is_own = run.tags.get(REPROCESS_TAG) == group.name
        if is_own or run.job_name in job_names or not keys.isdisjoint(run.asset_selection or ()):
            yield Attempt(
                run_id=run.run_id,
                is_over=run.is_finished,
                reprocess_dt=run.tags.get(REPROCESS_DT_TAG) if is_own else None,
                row_run_id=run.tags.get(_ROW_RUN_ID_TAG, ""),
                is_settled=_SETTLED_TAG in run.tags,
            )


def _request(
    location: Location, store: ControlStore, row: ProcessControl, group: Group
) -> dg.RunRequest:
    """Request the group's chain, with other groups' downstream jobs that completed that date."""
    behind = list(downstream(location.registry, group))
    done = completed(store, {spec.job_id for spec in behind}, [row.biz_dt])
    behind = [spec for spec in behind if (spec.job_id, row.biz_dt) in done]
    tags = {
        PARTITION_TAG: row.biz_dt,
        REPROCESS_TAG: group.name,
        REPROCESS_DT_TAG: row.reprocess_dt,
        _ROW_RUN_ID_TAG: row.run_id,
    }
    return dg.RunRequest(
        run_key=f"{group.name} {row.biz_dt} {row.reprocess_dt} {row.run_id or ''}".rstrip(),
        job_name=IMPLICIT_ASSET_JOB_NAME if behind else group.name,
        partition_key=row.biz_dt,
        asset_selection=[asset_key(spec) for spec in (*group.jobs, *behind)] if behind else None,
        tags={name: value for name, value in tags.items() if value},
    )


def settle_reprocess(
    instance: DagsterInstance, store: ControlStore, location: Location, run: DagsterRun
) -> None:
    """Clear reprocess_dt once all jobs of the group completed the date in the runs it requested.

    Repeating it is safe.

    Args:
        instance: The instance of the runs.
        store: The control store; execution_log has the run's rows already.
        location: The registry.
        run: A run that has ended.
    """
    if REPROCESS_TAG not in run.tags or _SETTLED_TAG in run.tags:
        return
    value, biz_dt = run.tags.get(REPROCESS_DT_TAG, ""), run.tags.get(PARTITION_TAG, "")
    group = location.registry.groups.get(run.tags[REPROCESS_TAG])
    if group is None:
        return
    # A failed run may have been continued by later ones.
    tags = {REPROCESS_TAG: group.name, REPROCESS_DT_TAG: value, PARTITION_TAG: biz_dt}
    runs = [record.dagster_run for record in instance.get_run_records(dg.RunsFilter(tags=tags))]
    run_ids = [request.run_id for request in runs if _SETTLED_TAG not in request.tags]
    where = {"run_id": run_ids, "biz_dt": biz_dt, "status": COMPLETED}
    done = {row.job_id for row in read_records(store, ExecutionLog, where, columns=["job_id"])}
    if not done.issuperset(group.job_ids):
        return
    key = {**group.key.columns, "biz_dt": biz_dt}
    rows = read_records(store, ProcessControl, key, columns=["reprocess_dt"])
    # Another value is a new request.
    if any(row.reprocess_dt == value for row in rows):
        store.update(PROCESS_CONTROL, [{**key, "reprocess_dt": None}])
    for run_id in run_ids:
        tag_run(instance, run_id, {_SETTLED_TAG: "true"})
