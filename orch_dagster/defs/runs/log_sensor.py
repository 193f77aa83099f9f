"""The sensor that writes what a crash, a kill or an outage left out of execution_log, and what
completed runs change in process_control."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import dagster as dg
from dagster import (
    DagsterEventType,
    DagsterInstance,
    DagsterRun,
    EventLogRecord,
    RunStatusChangeRecordsFilter,
)

from orch_dagster.control.connect import opened_store
from orch_dagster.control.records import ExecutionLog
from orch_dagster.control.store import ControlStore
from orch_dagster.defs.runs.dead_runs import fail_dead_runs
from orch_dagster.defs.runs.history import RUN_ENDS, HistoryReader
from orch_dagster.defs.runs.retention import OldLogs
from orch_dagster.defs.schedule.reprocess_sensor import settle_reprocess
from orch_dagster.execution_log import RunHistory, project, write_rows
from orch_dagster.registry.location import Location
from orch_dagster.schedule.process_dt import completed_by_run, stamp_process_dts
from orch_dagster.schedule.schedules import time_zone

SENSOR_NAME = "execution_log"

_RUNS_A_TICK = 200
_RUNS_A_WRITE = 50


@dataclass(frozen=True)
class EndedRun:
    """A run that is over, and its rows of execution_log.

    Attributes:
        run: The run.
        job_names: The jobs that it was to run.
        rows: Its rows.
    """

    run: DagsterRun
    job_names: frozenset[str]
    rows: tuple[ExecutionLog, ...]


def execution_log_sensor(location: Location) -> dg.SensorDefinition:
    """A plain sensor over the run status events of every origin, from the first on."""
    settings = location.settings
    old_logs = OldLogs(settings)

    @dg.sensor(
        name=SENSOR_NAME,
        minimum_interval_seconds=10,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Writes the execution_log rows of runs that could not write them themselves; "
        "in process_control, process_dt, and that a reprocess_dt is done with.",
    )
    def execution_log(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        instance = context.instance
        failed = fail_dead_runs(instance, location.job_ids, settings.heartbeat_timeout_s)
        for sentence in old_logs.remove(instance):
            context.log.info(sentence)
        with opened_store(settings) as store:
            cursor, ended = project_ended_runs(
                instance, store, location.job_ids, _read_cursor(context.cursor)
            )
            for sentence in keep_process_dts(store, location, ended):
                context.log.info(sentence)
            for one in ended:
                settle_reprocess(instance, store, location, one.run)
        # Only now, after the writes: an outage leaves the cursor where it was.
        context.update_cursor(json.dumps(cursor))
        return dg.SkipReason(
            f"{len(ended)} ended runs are in execution_log; {len(failed)} had died"
        )

    return execution_log


def _read_cursor(text: str | None) -> dict[str, int]:
    return json.loads(text) if text else {}


def project_ended_runs(
    instance: DagsterInstance,
    store: ControlStore,
    job_ids: Mapping[str, str],
    cursor: dict[str, int],
) -> tuple[dict[str, int], list[EndedRun]]:
    """Write the rows of the runs that ended since the cursor.

    Args:
        instance: Where the runs are.
        store: Where execution_log is.
        job_ids: job_name to job_id.
        cursor: For each type of event the storage id of the last one written.

    Returns:
        The cursor to keep, and the runs, each as often as it ended.
    """
    moved = dict(cursor)
    run_ids: list[str] = []
    for event_type in RUN_ENDS:
        for record in _ends_after(instance, event_type, cursor.get(event_type.value, 0)):
            moved[event_type.value] = record.storage_id
            run_ids.append(record.event_log_entry.run_id)
    reader = HistoryReader(instance, job_ids)
    ended: dict[str, EndedRun] = {}
    # A run that ended twice is read once: its rows are the same.
    distinct = list(dict.fromkeys(run_ids))
    for start in range(0, len(distinct), _RUNS_A_WRITE):
        page = distinct[start : start + _RUNS_A_WRITE]
        some = [
            _ended_run(reader.read(run), run.dagster_run)
            for run in instance.get_run_records(dg.RunsFilter(run_ids=page))
        ]
        write_rows(store, [row for one in some for row in one.rows])
        ended |= {one.run.run_id: one for one in some}
    # Those that are not there were deleted since.
    return moved, [ended[run_id] for run_id in run_ids if run_id in ended]


def _ended_run(history: RunHistory, run: DagsterRun) -> EndedRun:
    return EndedRun(run, frozenset(history.job_ids), tuple(project(history)))


def keep_process_dts(
    store: ControlStore, location: Location, ended: Iterable[EndedRun]
) -> list[str]:
    """Write process_dt of the dates that these runs have completed for the whole group.

    Returns:
        A sentence for each group whose rows were changed.
    """
    ends: dict[str, dict[str, datetime]] = defaultdict(dict)
    for one in ended:
        for name, job_ids in _ids_by_group(location, one.job_names).items():
            for biz_dt, at in completed_by_run(one.rows, job_ids).items():
                ends[name][biz_dt] = max(at, ends[name].get(biz_dt, at))
    said: list[str] = []
    for name, of_dates in ends.items():
        group = location.registry.groups[name]
        zone = time_zone(location, group.key_names)
        if changed := stamp_process_dts(store, group, of_dates, zone):
            said.append(f"process_dt of {name}: {', '.join(changed)}")
    return said


def _ids_by_group(location: Location, job_names: Iterable[str]) -> dict[str, list[str]]:
    """Return the job_ids of a run's jobs, by the name of their group."""
    job_ids: dict[str, list[str]] = defaultdict(list)
    for job_name in job_names:
        spec = location.registry.jobs[job_name]
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
