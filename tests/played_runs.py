"""Ticks as the daemon gives them, and runs as they leave the instance and the store: no Spark."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import cast

import dagster as dg
from dagster import DagsterEventType, DagsterInstance, DagsterRun, DagsterRunStatus
from dagster._core.definitions.sensor_definition import SensorExecutionData
from dagster._core.events import DagsterEvent
from dagster._core.storage.runs import SqliteRunStorage
from dagster._core.storage.runs.schema import RunsTable
from dagster._core.storage.tags import RUN_KEY_TAG, SCHEDULED_EXECUTION_TIME_TAG
from sqlalchemy import update

from orch_dagster.bundle.fetch import stamp_dates
from orch_dagster.control.store import ControlStore
from orch_dagster.defs.partitions import biz_dts_of, tags_of
from orch_dagster.defs.repository import ControlTables
from orch_dagster.defs.step.log_writer import ExecutionLogWriter, StepRun, first_report


def dates_of(request: dg.RunRequest) -> tuple[str, ...]:
    """The business dates of a request."""
    return biz_dts_of(DagsterRun("any", tags=dict(request.tags)))


@dataclass
class Played:
    """A code location, and an instance in which its daemon is played.

    Attributes:
        location: As it was loaded.
        instance: With its files, as a schedule's context wants them.
        store: The control store.
        cursors: By sensor, where it left off.
    """

    location: ControlTables
    instance: DagsterInstance
    store: ControlStore
    cursors: dict[str, str | None] = field(default_factory=dict)

    def tick(self, schedule: str, at: datetime) -> dg.ScheduleExecutionData:
        """Evaluate a schedule; nothing is launched."""
        with dg.build_schedule_context(self.instance, scheduled_execution_time=at) as context:
            return self.location.get_schedule(schedule).evaluate_tick(context)

    def dates(self, schedule: str, at: datetime) -> list[str]:
        """The dates that a tick asks for; its runs begin."""
        asked = self.tick(schedule, at).run_requests or []
        job_name = self.location.get_schedule(schedule).job_name
        for request in asked:
            self.launch(job_name, request, {SCHEDULED_EXECUTION_TIME_TAG: at.isoformat()})
        return [day for request in asked for day in dates_of(request)]

    def sense(self, sensor: str) -> SensorExecutionData:
        """Evaluate a sensor; nothing is launched."""
        with dg.build_sensor_context(self.instance, cursor=self.cursors.get(sensor)) as context:
            told = self.location.get_sensor(sensor).evaluate_tick(context)
        self.cursors[sensor] = told.cursor
        return told

    def requests(self, sensor: str) -> list[dg.RunRequest]:
        """What a sensor asks for."""
        return list(self.sense(sensor).run_requests or [])

    def reason(self, sensor: str) -> str:
        """Why a sensor asks for nothing."""
        return str(self.sense(sensor).skip_message)

    def launch(
        self,
        job_name: str,
        request: dg.RunRequest,
        more_tags: Mapping[str, str] | None = None,
        status: DagsterRunStatus = DagsterRunStatus.STARTED,
    ) -> DagsterRun:
        """Create the run of a request, as the daemon does; it has begun."""
        keys = frozenset(request.asset_selection) if request.asset_selection else None
        job = self.location.get_job(job_name)
        return self.instance.create_run_for_job(
            job.get_subset(asset_selection=keys) if keys else job,
            status=status,
            tags={**request.tags, RUN_KEY_TAG: request.run_key or "", **(more_tags or {})},
            asset_selection=keys,
        )

    def start(self, job_name: str, *biz_dts: str, **tags: str) -> DagsterRun:
        """A run that somebody asked for by hand, of one date or of several."""
        request = dg.RunRequest(tags={**tags_of(biz_dts), **tags})
        return self.launch(job_name, request)

    def make_older(self, run: DagsterRun, by: timedelta) -> None:
        """Have a run begin earlier than it did."""
        times = RunsTable.c.create_timestamp, RunsTable.c.update_timestamp
        record = self.instance.get_run_record_by_id(run.run_id)
        assert record is not None
        began = (record.create_timestamp - by).replace(tzinfo=None)
        with cast("SqliteRunStorage", self.instance.run_storage).connect() as connection:
            connection.execute(
                update(RunsTable)
                .where(RunsTable.c.run_id == run.run_id)
                .values(dict.fromkeys(times, began))
            )

    def begin(self, run: DagsterRun, job_name: str) -> ExecutionLogWriter:
        """What a step leaves when it begins."""
        spec = self.location.location.registry.jobs[job_name]
        record = self.instance.get_run_record_by_id(run.run_id)
        assert record is not None
        biz_dts = biz_dts_of(run)
        log = ExecutionLogWriter(
            StepRun.of(self.instance, record),
            self.store,
            self._never,
            first_report(spec, biz_dts),
        )
        log.start()
        stamp_dates(self.store, spec, run.run_id, biz_dts)
        return log

    def step(self, run: DagsterRun, job_name: str, status: str = "completed") -> None:
        """What a step leaves: its stamp on the date, its facts, its rows."""
        log = self.begin(run, job_name)
        log.end_all(status, "no rows" if status == "failed" else None)

    @staticmethod
    def _never(warning: str) -> None:
        raise AssertionError(warning)

    def end(self, run: DagsterRun, *, ok: bool = True) -> None:
        """What Dagster leaves when a run is over."""
        if not ok:
            self.instance.report_run_failed(run, "steps failed")
            return
        success = DagsterEvent(DagsterEventType.RUN_SUCCESS.value, run.job_name, message="done")
        self.instance.report_dagster_event(success, run.run_id)

    def run(self, run: DagsterRun, **statuses: str) -> None:
        """A whole run: each job's end, and so its own."""
        for job_name, status in statuses.items():
            self.step(run, job_name, status)
        self.end(run, ok=all(status == "completed" for status in statuses.values()))
