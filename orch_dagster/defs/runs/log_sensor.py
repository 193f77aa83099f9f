"""The sensor that completes execution_log after a crash, a kill or an outage, and writes what
ended runs change in process_control."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, cast

import dagster as dg
from dagster import (
    DagsterEventType,
    DagsterInstance,
    DagsterRun,
    EventLogRecord,
    RunStatusChangeRecordsFilter,
)

from framework.contract.visible import visible
from orch_dagster.control.connect import opened_store
from orch_dagster.control.records import ExecutionLog
from orch_dagster.control.store import ControlStore
from orch_dagster.defs.dagster_internals.planned_checks import drop_planned_checks
from orch_dagster.defs.dagster_internals.previews import is_preview
from orch_dagster.defs.dagster_internals.run_origins import location_label
from orch_dagster.defs.instance_owner import owner_warning
from orch_dagster.defs.runs.dead_applications import ApplicationEnder
from orch_dagster.defs.runs.dead_runs import fail_dead_runs
from orch_dagster.defs.runs.deleted_runs import DeletedRunsWatch
from orch_dagster.defs.runs.history import RUN_ENDS, HistoryReader
from orch_dagster.defs.runs.kept_reports import send_kept_reports
from orch_dagster.defs.runs.leftovers import remove_leftovers_of
from orch_dagster.defs.runs.origins import follow_location
from orch_dagster.defs.runs.retention import OldLogs
from orch_dagster.defs.schedule.reprocess_runs import settle_reprocess
from orch_dagster.execution_log import RunHistory, project, write_rows
from orch_dagster.registry.location import Location
from orch_dagster.schedule.process_dt import completed_by_run, stamp_process_dts
from orch_dagster.schedule.schedules import time_zones

SENSOR_NAME = "execution_log"

_RUNS_A_TICK = 200
_RUNS_A_WRITE = 50


@dataclass(frozen=True)
class EndedRun:
    """An ended run and its rows of execution_log.

    Attributes:
        run: The run.
        job_names: The jobs of its plan.
        rows: The rows of its steps.
        is_cut_off: Whether a step of it has reported no end.
    """

    run: DagsterRun
    job_names: frozenset[str]
    rows: tuple[ExecutionLog, ...]
    is_cut_off: bool = False


def execution_log_sensor(location: Location) -> dg.SensorDefinition:
    """Build the sensor, which reads the run status events of every origin since the first one."""
    settings = location.settings
    old_logs = OldLogs(settings)
    deleted_runs = DeletedRunsWatch(settings.params_dir, settings.heartbeat_timeout_s)

    @dg.sensor(
        name=SENSOR_NAME,
        minimum_interval_seconds=10,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Writes the execution_log rows that runs could not write themselves, sets "
        "process_dt of completed dates, and clears each reprocess_dt that has completed.",
    )
    def execution_log(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        instance = context.instance
        if is_preview(context):
            count = ended_since(instance, _read_cursor(context.cursor))
            return dg.SkipReason(
                f"{count} runs have ended since the last tick; a preview of it writes nothing"
            )
        sent = send_kept_reports(instance, settings.kept_reports_dir, settings.heartbeat_timeout_s)
        failed = fail_dead_runs(instance, location.job_ids, settings.heartbeat_timeout_s)
        # However long the store can't be reached.
        for sentence in old_logs.remove_leftovers(instance):
            context.log.info(sentence)
        with opened_store(settings) as store, ApplicationEnder() as applications:
            cursor, ended = project_ended_runs(
                instance,
                store,
                location.job_ids,
                _read_cursor(context.cursor),
                # Those of runs that were failed above have been ended.
                partial(_end_applications, applications, failed, context.log.warning),
            )
            ended_runs = [each.run for each in ended]
            # Also those that were failed above.
            for sentence in remove_leftovers_of(
                ended_runs, settings.params_dir, settings.heartbeat_timeout_s
            ):
                context.log.warning(sentence)
            drop_planned_checks(instance, [run.run_id for run in ended_runs])
            for sentence in deleted_runs.look(instance, store):
                context.log.warning(visible(sentence))
            for sentence in keep_process_dts(store, location, ended):
                context.log.info(visible(sentence))
            for run_id in sent:
                # It may have ended in an earlier tick.
                finish_run(instance, store, location, run_id)
            for ended_run in ended:
                settle_reprocess(instance, store, location, ended_run.run)
        # What names the process of a deleted run has been read, however long nobody looked.
        for sentence in old_logs.remove(instance):
            context.log.info(sentence)
        if label := location_label(context):
            follow_location(instance, location, label, ended_runs)
        # After the writes, so that a tick that fails is repeated by the next.
        context.update_cursor(json.dumps(cursor))
        warning = owner_warning(instance, location.store_address)
        return dg.SkipReason(
            f"{len(ended)} ended runs are in execution_log; "
            f"{len(failed)} runs failed as their process was gone"
            + (f". Warning: {warning}" if warning else "")
        )

    return execution_log


def _end_applications(
    applications: ApplicationEnder,
    but: Collection[str],
    warn: Callable[[str], object],
    ended_run: EndedRun,
) -> None:
    """End what a run that was cut off has on YARN, but for some runs."""
    if not ended_run.is_cut_off or ended_run.run.run_id in but:
        return
    if sentence := applications.end_cut_off(ended_run.run):
        warn(visible(sentence))


def _read_cursor(text: str | None) -> dict[str, int]:
    return json.loads(text) if text else {}


def project_ended_runs(
    instance: DagsterInstance,
    store: ControlStore,
    job_ids: Mapping[str, str],
    cursor: dict[str, int],
    before_write: Callable[[EndedRun], object] = lambda _: None,
) -> tuple[dict[str, int], list[EndedRun]]:
    """Write the rows of the runs that ended since the cursor.

    Args:
        instance: The instance of the runs.
        store: The store of execution_log.
        job_ids: job_name to job_id.
        cursor: The storage id of the last event written, by type of event.
        before_write: Called with each run before its rows are written.

    Returns:
        The next cursor, and the runs, one entry for each of their end events.
    """
    moved = dict(cursor)
    run_ids: list[str] = []
    for event_type in RUN_ENDS:
        for record in _ends_after(instance, event_type, cursor.get(event_type.value, 0)):
            moved[event_type.value] = record.storage_id
            run_ids.append(record.event_log_entry.run_id)
    reader = HistoryReader(instance, job_ids, store.address)
    ended: dict[str, EndedRun] = {}
    # A run that ended twice is read once: its rows are the same.
    distinct = list(dict.fromkeys(run_ids))
    for start in range(0, len(distinct), _RUNS_A_WRITE):
        page = distinct[start : start + _RUNS_A_WRITE]
        ended_of_page = [
            _ended_run(reader.read(record), record.dagster_run)
            for record in instance.get_run_records(dg.RunsFilter(run_ids=page))
        ]
        for ended_run in ended_of_page:
            before_write(ended_run)
        write_rows(store, [row for ended_run in ended_of_page for row in ended_run.rows])
        ended |= {ended_run.run.run_id: ended_run for ended_run in ended_of_page}
    # Missing runs were deleted since they ended.
    return moved, [ended[run_id] for run_id in run_ids if run_id in ended]


def ended_since(instance: DagsterInstance, cursor: Mapping[str, int]) -> int:
    """Count the runs that ended since the cursor, of those that one tick writes."""
    return len(
        {
            record.event_log_entry.run_id
            for event_type in RUN_ENDS
            for record in _ends_after(instance, event_type, cursor.get(event_type.value, 0))
        }
    )


def finish_run(
    instance: DagsterInstance, store: ControlStore, location: Location, run_id: str
) -> None:
    """Write what an ended run leaves, as the sensor does: rows, process_dt, reprocess_dt.

    Repeating it is safe, also by the sensor.
    """
    record = instance.get_run_record_by_id(run_id)
    if record is None:
        return
    reader = HistoryReader(instance, location.job_ids)
    ended = _ended_run(reader.read(record), record.dagster_run)
    write_rows(store, ended.rows)
    keep_process_dts(store, location, [ended])
    settle_reprocess(instance, store, location, ended.run)


def _ended_run(history: RunHistory, run: DagsterRun) -> EndedRun:
    rows = tuple(project(history))
    return EndedRun(run, frozenset(history.job_ids), rows, history.is_cut_off)


def keep_process_dts(
    store: ControlStore, location: Location, ended: Iterable[EndedRun]
) -> list[str]:
    """Write process_dt of the dates that these runs completed for a whole group.

    Returns:
        A sentence for each group whose rows were changed.
    """
    ends: dict[str, dict[str, datetime]] = defaultdict(dict)
    for ended_run in ended:
        for name, job_ids in _ids_by_group(location, ended_run.job_names).items():
            for biz_dt, ended_at in completed_by_run(ended_run.rows, job_ids).items():
                ends[name][biz_dt] = max(ended_at, ends[name].get(biz_dt, ended_at))
    sentences: list[str] = []
    zone_of = time_zones(location)
    for name, ends_by_date in ends.items():
        group = location.registry.groups[name]
        zone = zone_of(group.key_names)
        if changed := stamp_process_dts(store, group, ends_by_date, zone):
            sentences.append(f"process_dt of {name}: {', '.join(changed)}")
    return sentences


def _ids_by_group(location: Location, job_names: Iterable[str]) -> dict[str, list[str]]:
    """Return the job_ids of a run's jobs, by the name of their group; skip jobs that are gone."""
    job_ids: dict[str, list[str]] = defaultdict(list)
    for job_name in job_names:
        if spec := location.registry.jobs.get(job_name):
            job_ids[spec.group.name].append(spec.job_id)
    return dict(job_ids)


def _ends_after(
    instance: DagsterInstance, event_type: DagsterEventType, storage_id: int
) -> Sequence[EventLogRecord]:
    return instance.fetch_run_status_changes(
        RunStatusChangeRecordsFilter(event_type=cast(Any, event_type), after_storage_id=storage_id),
        limit=_RUNS_A_TICK,
        ascending=True,
    ).records
