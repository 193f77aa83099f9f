"""orch run: a job for one date or several, through Dagster, with progress."""

from __future__ import annotations

import os
import sys
import threading
import uuid
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.status import Status

from orch_dagster.cli.arguments import BIZ_DT, as_json, connected
from orch_dagster.cli.output import print_json, print_rows
from orch_dagster.cli.registry import find_jobs
from orch_dagster.control.tables import EXECUTION_LOG
from orch_dagster.errors import NotReadyError
from orch_dagster.location import load_location
from orch_dagster.registry import JobSpec
from orch_dagster.run_dates import dates_to_run, days_of_range
from orch_dagster.settings import Settings, load_settings

if TYPE_CHECKING:
    from dagster import DagsterInstance

_INVOCATION_TAG = "orch/invocation"
_PROGRESS_EVERY_S = 0.3


@click.command()
@click.argument("job")
@click.option("--biz-dt", type=BIZ_DT, help="Business date, such as 2024-05-15.")
@click.option("--from", "first", type=BIZ_DT, help="First of several dates; with --to.")
@click.option("--to", "last", type=BIZ_DT, help="Last of them.")
@click.option("--missing", is_flag=True, help="Of --from and --to, what has not completed yet.")
@as_json
def run(
    job: str, biz_dt: str | None, first: str | None, last: str | None, missing: bool, is_json: bool
) -> None:
    """Run JOB for business dates and wait for it; a source's name runs its whole chain.

    Of several dates, each run lands up to ORCH_DATES_PER_RUN in one Spark application; those that
    are not open are skipped.
    """
    days = _days(biz_dt, first, last, missing)
    settings = load_settings()
    registry = load_location(settings).registry
    specs = find_jobs(registry, job)
    batches = [days] if biz_dt else _batches(settings, specs, days, missing)
    ended: list[tuple[str, bool]] = []
    for batch in batches:
        run_id, is_success, is_canceled = _execute(settings, job, batch)
        ended.append((run_id, is_success))
        if is_canceled:
            break
    _print_ended(settings, ended, is_json=is_json, is_one=biz_dt is not None)
    if not all(is_success for _, is_success in ended):
        sys.exit(1)


def _days(
    biz_dt: str | None, first: str | None, last: str | None, missing: bool
) -> tuple[str, ...]:
    """The dates that the options name."""
    if biz_dt and not (first or last or missing):
        return (biz_dt,)
    if biz_dt or not (first and last):
        raise click.UsageError("give --biz-dt, or --from and --to (with --missing if you like)")
    if last < first:
        raise click.UsageError(f"--from {first} is after --to {last}")
    return days_of_range(first, last)


def _batches(
    settings: Settings, specs: Sequence[JobSpec], days: tuple[str, ...], missing: bool
) -> list[tuple[str, ...]]:
    """The dates of each run; what is left out is said on stderr."""
    with connected(settings) as store:
        dates = dates_to_run(store, specs, days, only_missing=missing)
    if dates.closed:
        click.echo(f"skipped, because they are not open: {', '.join(dates.closed)}", err=True)
    if dates.landed:
        click.echo(f"completed already: {', '.join(dates.landed)}", err=True)
    if not dates.wanted and not dates.landed:
        context = specs[0].context
        raise NotReadyError(
            f"no business date from {days[0]} to {days[-1]} is open; open one with "
            f"`orch open {context.entity} {context.source_system} {days[0]}`"
        )
    return dates.batches(settings.dates_per_run)


def _print_ended(
    settings: Settings, ended: Sequence[tuple[str, bool]], *, is_json: bool, is_one: bool
) -> None:
    with connected(settings) as store:
        rows = {run_id: store.read(EXECUTION_LOG, {"run_id": run_id}) for run_id, _ in ended}
    if is_json:
        runs = [
            {"run_id": run_id, "success": is_success, "execution_log": rows[run_id]}
            for run_id, is_success in ended
        ]
        print_json(runs[0] if is_one else runs)
    elif ended:
        columns = ["job_name", "biz_dt", "status", "duration", "spark_app_id"]
        listed = [row for of_run in rows.values() for row in of_run]
        listed.sort(key=lambda row: (str(row["biz_dt"]), str(row["start_time"])))
        print_rows(listed, columns, "The run left no row in execution_log.")


def _execute(settings: Settings, job_name: str, biz_dts: tuple[str, ...]) -> tuple[str, bool, bool]:
    """Run in this process, as `dagster job execute` does, on the instance of every orch command.

    Returns:
        The run's id, and whether it succeeded or was canceled.
    """
    import dagster as dg
    from dagster._core.definitions.reconstruct import ReconstructableRepository

    from orch_dagster.defs.partitions import tags_of

    os.environ.setdefault("DAGSTER_HOME", str(settings.dagster_home))
    settings.dagster_home.mkdir(parents=True, exist_ok=True)
    repository = ReconstructableRepository.for_module("orch_dagster.definitions", "defs")
    invocation = uuid.uuid4().hex
    with dg.DagsterInstance.get() as instance, _progress(instance, invocation, job_name):
        result = dg.execute_job(
            repository.get_reconstructable_job(job_name),
            instance=instance,
            tags={**tags_of(biz_dts), _INVOCATION_TAG: invocation},
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            raise_on_error=False,
        )
        ended = instance.get_run_by_id(result.run_id)
    is_canceled = ended is not None and ended.status is dg.DagsterRunStatus.CANCELED
    return result.run_id, result.success, is_canceled


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
