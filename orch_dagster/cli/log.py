"""orch log: what ran; a run's log file as it grows."""

from __future__ import annotations

import sys

import click
from click.core import ParameterSource

from orch_dagster.cli.arguments import BIZ_DT, as_json
from orch_dagster.cli.follow import follow_run
from orch_dagster.cli.log_rebuild import rebuild
from orch_dagster.cli.output import print_json, print_rows
from orch_dagster.control.connect import opened_store
from orch_dagster.control.store import Where
from orch_dagster.control.tables import EXECUTION_LOG, Row, Value
from orch_dagster.settings import Settings, load_settings


@click.group(invoke_without_command=True)
@click.option("--job", help="Only this job_name.")
@click.option("--biz-dt", type=BIZ_DT, help="Only this business date.")
@click.option(
    "--limit",
    default=20,
    show_default=True,
    type=click.IntRange(min=1),
    help="Show at most this many rows.",
)
@click.option(
    "--follow",
    "run",
    metavar="RUN",
    help="Print the log file of this run (its id or the first characters) until it is over.",
)
@as_json
@click.pass_context
def log(
    ctx: click.Context,
    job: str | None,
    biz_dt: str | None,
    limit: int,
    run: str | None,
    is_json: bool,
) -> None:
    """Show execution_log, newest first."""
    given = [
        param.opts[0]
        for param in ctx.command.params
        if ctx.get_parameter_source(str(param.name)) is ParameterSource.COMMANDLINE
    ]
    if ctx.invoked_subcommand:
        if given:
            raise click.UsageError(f"{', '.join(given)} is no option of {ctx.invoked_subcommand}")
        return
    settings = load_settings()
    if run is not None:
        if len(given) > 1:
            raise click.UsageError("--follow prints a file: give it without the other options")
        sys.exit(follow_run(settings, run))
    _show(settings, {"job_name": job, "biz_dt": biz_dt}, limit, is_json=is_json)


log.add_command(rebuild)


def _show(settings: Settings, asked: dict[str, Value], limit: int, *, is_json: bool) -> None:
    where: Where = {name: value for name, value in asked.items() if value is not None}
    with opened_store(settings) as store:
        # A log of years is long: only the rows that are shown are read whole.
        ages = store.read(EXECUTION_LOG, where, columns=["id", "start_time"])
        newest = [row["id"] for row in sorted(ages, key=_age, reverse=True)[:limit]]
        rows = store.read(EXECUTION_LOG, {"id": newest})
    rows.sort(key=_age, reverse=True)
    if is_json:
        print_json(rows)
        return
    columns = ["start_time", "job_name", "biz_dt", "status", "duration", "spark_app_id", "run_id"]
    print_rows(rows, columns, "Nothing ran.")


def _age(row: Row) -> tuple[int, str, str]:
    """By the creation of the run, which the id begins with, then by the start of the step."""
    row_id = str(row["id"])
    created = row_id.partition("_")[0]
    return int(created) if created.isdigit() else 0, str(row["start_time"] or ""), row_id
