"""orch run: run a job for one or more dates through Dagster, with progress."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Sequence

import click

from orch_dagster.cli.arguments import BIZ_DT, as_json
from orch_dagster.cli.instance import opened_instance
from orch_dagster.cli.output import print_json, print_rows
from orch_dagster.cli.progress import progress
from orch_dagster.cli.registry import find_jobs
from orch_dagster.control.connect import opened_store
from orch_dagster.control.tables import EXECUTION_LOG
from orch_dagster.errors import NotReadyError
from orch_dagster.registry.jobs import Group
from orch_dagster.registry.location import load_location
from orch_dagster.schedule.backfill import dates_to_run, days_of_range
from orch_dagster.settings import Settings, load_settings

_INVOCATION_TAG = "orch/invocation"


@click.command()
@click.argument("job")
@click.option("--biz-dt", type=BIZ_DT, help="Business date, such as 2024-05-15.")
@click.option("--from", "first", type=BIZ_DT, help="First date of a range; with --to.")
@click.option("--to", "last", type=BIZ_DT, help="Last date of the range.")
@click.option("--missing", is_flag=True, help="Only dates of the range that have not completed.")
@as_json
def run(
    job: str, biz_dt: str | None, first: str | None, last: str | None, missing: bool, is_json: bool
) -> None:
    """Run JOB for business dates and wait for it; a group's name runs its whole chain.

    A run lands up to ORCH_DATES_PER_RUN dates of a range in one Spark application. Dates that are
    not open are skipped.
    """
    days = _days(biz_dt, first, last, missing)
    settings = load_settings()
    registry = load_location(settings).registry
    group = find_jobs(registry, job)
    batches = [days] if biz_dt else _batches(settings, group, days, missing)
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
    """Return the dates that the options name."""
    if biz_dt and not (first or last or missing):
        return (biz_dt,)
    if biz_dt or not (first and last):
        raise click.UsageError("give --biz-dt, or --from and --to (optionally with --missing)")
    if last < first:
        raise click.UsageError(f"--from {first} is after --to {last}")
    return days_of_range(first, last)


def _batches(
    settings: Settings, group: Group, days: tuple[str, ...], missing: bool
) -> list[tuple[str, ...]]:
    """Return the dates of each run, and print the skipped ones on stderr."""
    with opened_store(settings) as store:
        dates = dates_to_run(store, group, days, only_missing=missing)
    if dates.not_open:
        click.echo(f"skipped, because they are not open: {', '.join(dates.not_open)}", err=True)
    if dates.completed:
        click.echo(f"skipped, because they have completed: {', '.join(dates.completed)}", err=True)
    if not dates.to_run and not dates.completed:
        entity, source_system = group.key
        raise NotReadyError(
            f"no business date from {days[0]} to {days[-1]} is open; open one with "
            f"`orch open {entity} {source_system} {days[0]}`"
        )
    return dates.batches(settings.dates_per_run)


def _print_ended(
    settings: Settings, ended: Sequence[tuple[str, bool]], *, is_json: bool, is_one: bool
) -> None:
    with opened_store(settings) as store:
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
        print_rows(listed, columns, "The run wrote no row of execution_log.")


def _execute(settings: Settings, job_name: str, biz_dts: tuple[str, ...]) -> tuple[str, bool, bool]:
    """Run in this process, as `dagster job execute` does, on the instance of the orch commands.

    Returns:
        The run's id, whether it succeeded, and whether it was canceled.
    """
    import dagster as dg

    # Imported here, as Dagster would import it with the working folder first on sys.path.
    from orch_dagster.definitions import job_named
    from orch_dagster.defs.partitions import tags_of

    job = dg.build_reconstructable_job(job_named.__module__, job_named.__name__, (job_name,))
    run_tags = {_INVOCATION_TAG: uuid.uuid4().hex}
    with opened_instance(settings) as instance, progress(instance, run_tags, job_name):
        result = dg.execute_job(
            job,
            instance=instance,
            tags={**tags_of(biz_dts), **run_tags},
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            raise_on_error=False,
        )
        ended = instance.get_run_by_id(result.run_id)
    is_canceled = ended is not None and ended.status is dg.DagsterRunStatus.CANCELED
    return result.run_id, result.success, is_canceled
