"""Dagster's own daemon in this process, on the code location as it is in the store."""

from __future__ import annotations

import logging
import shutil
import uuid
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
from dagster._core.workspace.context import WorkspaceProcessContext, WorkspaceRequestContext
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster._daemon.sensor import execute_sensor_iteration
from dagster._scheduler.scheduler import launch_scheduled_runs

from orch_dagster.defs.partitions import biz_dts_of

LOG = logging.getLogger("daemon")
LOCATION = "orch"
# A Thursday and its tick.
BEGIN = datetime(2024, 5, 16, tzinfo=timezone.utc)
END = BEGIN.replace(hour=5)


class Daemon:
    """The schedules' and the sensors' daemon."""

    def __init__(self, instance: DagsterInstance, workspace: WorkspaceProcessContext) -> None:
        self.instance = instance
        self.workspace = workspace
        location = self.request_context().get_code_location(LOCATION)
        self.repository: RemoteRepository = location.get_repository("orch_dagster")

    def request_context(self) -> WorkspaceRequestContext:
        """What the webserver answers a request from."""
        return self.workspace.create_request_context()

    def start_schedules(self) -> None:
        with freeze_time(BEGIN):
            for schedule in self.repository.get_schedules():
                self.instance.start_schedule(schedule)

    def schedules(self) -> None:
        with freeze_time(END):
            list(launch_scheduled_runs(self.workspace, LOG, END, {}))

    def sensors(self) -> None:
        list(execute_sensor_iteration(self.workspace, LOG, None, None))

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
    queue = {"run_coordinator": {"module": "dagster", "class": "QueuedRunCoordinator"}}
    with instance_for_test(overrides=queue) as instance:
        # Dagster keeps what it has loaded of a file, with the home of an earlier test.
        file = Path(instance.root_directory) / f"location_{uuid.uuid4().hex}.py"
        shutil.copy(Path(__file__).with_name("fresh_location.py"), file)
        origin = InProcessCodeLocationOrigin(
            LoadableTargetOrigin(python_file=str(file), attribute="defs"), location_name=LOCATION
        )
        target = InProcessWorkspaceLoadTarget([origin])
        with create_test_daemon_workspace_context(target, instance) as workspace:
            yield Daemon(instance, workspace)
