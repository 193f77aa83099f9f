"""orch run: a job for a date, through Dagster, with progress."""

from __future__ import annotations

import os
import sys
import threading
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.status import Status

from orch_dagster.cli.arguments import BIZ_DT, as_json, connected
from orch_dagster.cli.output import print_json, print_rows
from orch_dagster.cli.registry import find_job
from orch_dagster.control.tables import EXECUTION_LOG, Row
from orch_dagster.location import load_location
from orch_dagster.settings import Settings, load_settings

if TYPE_CHECKING:
    from dagster import DagsterInstance, JobExecutionResult

_INVOCATION_TAG = "orch/invocation"
_PROGRESS_EVERY_S = 0.3


@click.command()
@click.argument("job")
@click.option("--biz-dt", required=True, type=BIZ_DT, help="Business date, such as 2024-05-15.")
@as_json
def run(job: str, biz_dt: str, is_json: bool) -> None:
    """Run JOB for a business date and wait for it; a source's name runs its whole chain."""
    settings = load_settings()
    registry = load_location(settings).registry
    name = job if job in registry.sources() else find_job(registry, job).job_name
    result = _execute(settings, name, biz_dt)
    with connected(settings) as store:
        rows = store.read(EXECUTION_LOG, {"run_id": result.run_id})
    if is_json:
        print_json({"run_id": result.run_id, "success": result.success, "execution_log": rows})
    else:
        _print_log(rows)
    if not result.success:
        sys.exit(1)


def _print_log(rows: list[Row]) -> None:
    columns = ["job_name", "biz_dt", "status", "duration", "spark_app_id"]
    print_rows(rows, columns, "The run left no row in execution_log.")


def _execute(settings: Settings, job_name: str, biz_dt: str) -> JobExecutionResult:
    """Run in this process, as `dagster job execute` does, on the instance of every orch command."""
    import dagster as dg
    from dagster._core.definitions.reconstruct import ReconstructableRepository

    os.environ.setdefault("DAGSTER_HOME", str(settings.dagster_home))
    settings.dagster_home.mkdir(parents=True, exist_ok=True)
    repository = ReconstructableRepository.for_module("orch_dagster.definitions", "defs")
    invocation = uuid.uuid4().hex
    with dg.DagsterInstance.get() as instance, _progress(instance, invocation, job_name):
        return dg.execute_job(
            repository.get_reconstructable_job(job_name),
            instance=instance,
            tags={"dagster/partition": biz_dt, _INVOCATION_TAG: invocation},
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            raise_on_error=False,
        )


@contextmanager
def _progress(instance: DagsterInstance, invocation: str, job_name: str) -> Generator[None]:
    """Tell what the run does while it does it, on stderr."""
    console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    over = threading.Event()
    with console.status(f"{job_name} …") as status:
        teller = _Teller(instance, invocation, console, status)
        thread = threading.Thread(target=teller.tell_until, args=(over,), name="progress")
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


class _Teller:
    """Follows one run's events and says those that people want to see."""

    def __init__(
        self, instance: DagsterInstance, invocation: str, console: Console, status: Status
    ) -> None:
        self._instance = instance
        self._invocation = invocation
        self._console = console
        self._status = status
        self._run_id: str | None = None
        self._cursor: str | None = None

    def tell_until(self, over: threading.Event) -> None:
        """Look every now and then, and once more at the end."""
        while not over.wait(_PROGRESS_EVERY_S):
            self._tell()
        self._tell()

    def _tell(self) -> None:
        import dagster as dg

        if self._run_id is None:
            found = self._instance.get_runs(
                dg.RunsFilter(tags={_INVOCATION_TAG: self._invocation}), limit=1
            )
            if not found:
                return
            self._run_id = found[0].run_id
        told = self._instance.get_records_for_run(
            self._run_id,
            cursor=self._cursor,
            of_type={
                dg.DagsterEventType.ENGINE_EVENT,
                dg.DagsterEventType.ASSET_MATERIALIZATION,
                dg.DagsterEventType.STEP_FAILURE,
            },
        )
        self._cursor = told.cursor
        for record in told.records:
            event = record.event_log_entry.dagster_event
            if event is None or event.step_key is None:
                continue
            self._console.print(_sentence(event))
            self._status.update(f"{event.step_key} …")


def _sentence(event: object) -> str:
    import dagster as dg
    from dagster._core.events import DagsterEvent

    from orch_dagster.defs.run_history import reason

    assert isinstance(event, DagsterEvent)
    if event.event_type is dg.DagsterEventType.STEP_FAILURE:
        return f"{event.step_key} failed: {reason(event.step_failure_data)}"
    if event.event_type is dg.DagsterEventType.ASSET_MATERIALIZATION:
        metadata = event.step_materialization_data.materialization.metadata
        rows, path = metadata.get("dagster/row_count"), metadata.get("path")
        return f"{event.step_key} landed" + (
            f" {rows.value:,} rows in {path.value}" if rows and path else ""
        )
    return event.message or ""
