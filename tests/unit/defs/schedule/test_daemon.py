"""Dagster's own daemon, on what our schedules and sensors ask for: the runs that it creates.

What the requests take from the inside of Dagster is held by this: a new version has to pass it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

from dagster import DagsterInstance, DagsterRun
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.remote_representation.external import RemoteRepository
from dagster._core.test_utils import (
    create_test_daemon_workspace_context,
    freeze_time,
    instance_for_test,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster._daemon.sensor import execute_sensor_iteration
from dagster._scheduler.scheduler import launch_scheduled_runs

from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import EXECUTION_LOG, SYS_PARAMS
from orch_dagster.defs.partitions import biz_dts_of
from tests.code_location import add_jobs, open_date, schedule_param

LOG = logging.getLogger("daemon")
LOCATION = "orch"
# A Thursday and its tick.
BEGIN = datetime(2024, 5, 16, tzinfo=timezone.utc)
END = BEGIN.replace(hour=5)


class Daemon:
    """The schedules' and the sensors' daemon."""

    def __init__(self, instance: DagsterInstance, workspace: object) -> None:
        self.instance = instance
        self._workspace = workspace
        context = workspace.create_request_context()  # type: ignore[attr-defined]
        self.repository: RemoteRepository = context.get_code_location(LOCATION).get_repository(
            "orch_dagster"
        )

    def start_schedules(self) -> None:
        with freeze_time(BEGIN):
            for schedule in self.repository.get_schedules():
                self.instance.start_schedule(schedule)

    def schedules(self) -> None:
        with freeze_time(END):
            list(launch_scheduled_runs(self._workspace, LOG, END, {}))  # type: ignore[arg-type]

    def sensors(self) -> None:
        list(execute_sensor_iteration(self._workspace, LOG, None, None))  # type: ignore[arg-type]

    def faults(self) -> list[str]:
        parts = [*self.repository.get_schedules(), *self.repository.get_sensors()]
        ticks = [
            tick
            for part in parts
            for tick in self.instance.get_ticks(part.get_remote_origin_id(), part.selector_id)
        ]
        return [tick.error.to_string() for tick in ticks if tick.error]

    def runs(self) -> dict[str, tuple[str, list[str]]]:
        """By job and dates: the run's status, and its steps."""
        return {
            f"{run.job_name} {' '.join(biz_dts_of(run))}": (run.status.value, self._steps(run))
            for run in self.instance.get_runs()
        }

    def _steps(self, run: DagsterRun) -> list[str]:
        assert run.execution_plan_snapshot_id is not None
        plan = self.instance.get_execution_plan_snapshot(run.execution_plan_snapshot_id)
        return list(plan.step_keys_to_execute)


@contextmanager
def daemon() -> Iterator[Daemon]:
    """With a queue that nothing takes a run from."""
    file = str(Path(__file__).parent / "fresh_location.py")
    origin = InProcessCodeLocationOrigin(
        LoadableTargetOrigin(python_file=file, attribute="defs"), location_name=LOCATION
    )
    queue = {"run_coordinator": {"module": "dagster", "class": "QueuedRunCoordinator"}}
    with (
        instance_for_test(overrides=queue) as instance,
        create_test_daemon_workspace_context(
            InProcessWorkspaceLoadTarget([origin]), instance
        ) as workspace,
    ):
        yield Daemon(instance, workspace)


def complete(store: ControlStore, biz_dt: str, *job_ids: str) -> None:
    rows = [{"id": f"{name} {biz_dt}", "job_id": name, "biz_dt": biz_dt} for name in job_ids]
    store.upsert(EXECUTION_LOG, [{**row, "status": "Completed"} for row in rows])


def test_the_runs_that_the_daemon_creates(store: ControlStore) -> None:
    # merged waits for a job of another source, which waits for this one.
    add_jobs(store, "FPMS", {"first": [], "second": ["first"], "apart": [], "merged": ["other"]})
    add_jobs(store, "OTHER", {"other": ["second"]})
    store.upsert(SYS_PARAMS, [schedule_param("cron", "0 4 * * *", "apart")])
    for day in ("2024-05-10", "2024-05-13"):
        open_date(store, "FPMS", day)
    open_date(store, "OTHER", "2024-05-14")
    with daemon() as dagster:
        dagster.start_schedules()
        dagster.schedules()
        assert dagster.faults() == []
        created = dagster.runs()
        assert created == {
            "gels_fpms 2024-05-14 2024-05-15": ("QUEUED", ["first", "second"]),
            "apart 2024-05-14 2024-05-15": ("QUEUED", ["apart"]),
        }
        dagster.schedules()
        assert dagster.runs() == created

        complete(store, "2024-05-15", "first", "second")
        # To be done again, with what the other source made of it.
        for day in ("2024-05-10", "2024-05-13"):
            complete(store, day, "other")
            open_date(store, "FPMS", day, reprocess_dt="2024-05-16")
        dagster.sensors()
        assert dagster.faults() == []
        asked = dagster.runs()
        again = asked.pop("__ASSET_JOB 2024-05-10 2024-05-13")
        assert asked == {**created, "gels_other 2024-05-15": ("QUEUED", ["other"])}
        assert (again[0], sorted(again[1])) == (
            "QUEUED",
            ["apart", "first", "merged", "other", "second"],
        )
