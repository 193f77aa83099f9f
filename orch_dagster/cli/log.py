"""orch log: show execution_log, follow a run's log, and rebuild execution_log."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from orch_dagster.cli.arguments import BIZ_DT, as_json, loaded
from orch_dagster.cli.exit_codes import INTERRUPTED
from orch_dagster.cli.groups import CommandGroup
from orch_dagster.cli.instance import opened_instance
from orch_dagster.cli.output import print_json, print_lines, print_rows, say
from orch_dagster.control.connect import opened_store
from orch_dagster.control.store import ControlStore, Where
from orch_dagster.control.tables import EXECUTION_LOG, JOB_MASTER, Row, Value
from orch_dagster.errors import OrchError, UnknownRunError
from orch_dagster.run_log import follow, run_log_path
from orch_dagster.settings import Settings, load_settings

if TYPE_CHECKING:
    from dagster import DagsterRun

_NAMED_AT_MOST = 20
_MICROS = re.compile(r"[0-9]{1,20}(?=_)")


class _Moment(click.ParamType[datetime]):
    name = "moment"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        try:
            # Python 3.10 does not know the Z that `orch log --json` prints.
            moment = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
        except ValueError:
            self.fail(f"{value!r} is not a date or time such as 2024-05-15T06:30:00Z", param, ctx)
        return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


@click.group(cls=CommandGroup, invoke_without_command=True)
@click.option("--job", help="Only this job, by job_name or job_id, its rows under older names too.")
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
    help="Follow the log of this run (its id or its first characters) until the run ends.",
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
            raise click.UsageError(
                f"{', '.join(given)} is not an option of {ctx.invoked_subcommand}"
            )
        return
    settings = load_settings()
    if run is not None:
        if len(given) > 1:
            raise click.UsageError("--follow can't be combined with other options")
        sys.exit(_follow(settings, run))
    _show(settings, job, biz_dt, limit, is_json=is_json)


@log.command()
@click.option(
    "--since",
    type=_Moment(),
    help="Only runs created since this date or time, UTC unless it names a zone.",
)
@click.option(
    "--gone",
    multiple=True,
    metavar="RUN",
    help="End the Started rows of this run, which Dagster does not have; first make sure that it "
    "runs nowhere. By its id or its first characters.",
)
@as_json
def rebuild(since: datetime | None, gone: tuple[str, ...], is_json: bool) -> None:
    """Write the rows of execution_log that are missing or differ from Dagster's event log.

    Runs whose process is gone are failed first, also those that were deleted in Dagster, and what
    they left that may hold secrets is removed. Correct rows are not written.
    """
    from orch_dagster.defs.runs.deleted_runs import end_deleted_runs, unknown_text
    from orch_dagster.defs.runs.kept_reports import send_kept_reports
    from orch_dagster.defs.runs.leftovers import remove_all_leftovers
    from orch_dagster.defs.runs.rebuild import rebuild as rebuild_rows

    settings = load_settings()
    job_ids = loaded(settings).job_ids
    with opened_store(settings) as store, opened_instance(settings) as instance:
        timeout_s = settings.heartbeat_timeout_s
        send_kept_reports(instance, settings.kept_reports_dir, timeout_s)
        deleted = end_deleted_runs(
            instance, store, settings.params_dir, timeout_s, since=since, gone=gone
        )
        result = rebuild_rows(instance, store, job_ids, since, timeout_s, deleted)
        for sentence in remove_all_leftovers(instance, settings):
            say(sentence, err=True)
    if is_json:
        unknown = [
            {name: getattr(row, name) for name in ("job_name", "biz_dt", "run_id")}
            for row in result.unknown
        ]
        print_json({**asdict(result), "unknown": unknown})
        return
    for run_id in result.died:
        say(f"failed run {run_id}: its process is gone")
    for row in result.unknown[:_NAMED_AT_MOST]:
        say(f"unknown: {unknown_text(row)}")
    if len(result.unknown) > _NAMED_AT_MOST:
        say(f"unknown: {len(result.unknown) - _NAMED_AT_MOST} more such rows")
    say(f"runs: {result.runs}, rows: {result.rows}, rows written: {result.written}")


def _show(
    settings: Settings, job: str | None, biz_dt: str | None, limit: int, *, is_json: bool
) -> None:
    date: Where = {} if biz_dt is None else {"biz_dt": biz_dt}
    with opened_store(settings) as store:
        # The log may span years, so only the rows to show are read in full.
        ages = {
            row["id"]: row
            for where in _filters(store, job)
            for row in store.read(EXECUTION_LOG, {**where, **date}, columns=["id", "start_time"])
        }
        newest = [row["id"] for row in sorted(ages.values(), key=_age, reverse=True)[:limit]]
        rows = store.read(EXECUTION_LOG, {"id": newest})
    rows.sort(key=_age, reverse=True)
    if is_json:
        print_json(rows)
        return
    columns = ["start_time", "job_name", "biz_dt", "status", "duration", "spark_app_id", "run_id"]
    print_rows(rows, columns, "No rows.")


def _filters(store: ControlStore, job: str | None) -> list[dict[str, Value]]:
    """Return the filters of a job's rows: of that name, and of the job that has it now."""
    if job is None:
        return [{}]
    named = store.read(JOB_MASTER, {"job_name": job}, columns=["job_id"])
    ids = [str(row["job_id"]) for row in named]
    return [{"job_name": job}, *({"job_id": job_id} for job_id in ids or [job])]


def _age(row: Row) -> tuple[int, str, str]:
    """Return the sort key of a row: the run's creation, by the row's id, then the step's start."""
    row_id = str(row["id"])
    created = _MICROS.match(row_id)
    return int(created[0]) if created else 0, str(row["start_time"] or ""), row_id


def _follow(settings: Settings, start: str) -> int:
    """Print the log of a run from its beginning until the run ends.

    Args:
        settings: The settings of the home.
        start: The run's id, or the first characters of it that no other run's id has.

    Returns:
        The exit code: 0 if the run succeeded, 1 if not, 130 after Ctrl-C.

    Raises:
        UnknownRunError: If no run matches, or several do.
        OrchError: If the run has ended and has no log.
    """
    from dagster import DagsterInstance, DagsterRunStatus

    from orch_dagster.defs.runs.lookup import end_status, find_run

    if not settings.dagster_home.is_dir() and "DAGSTER_HOME" not in os.environ:
        raise UnknownRunError(f"nothing has run in {settings.home} yet")

    def end(instance: DagsterInstance, run_id: str) -> DagsterRunStatus | None:
        run = instance.get_run_by_id(run_id)
        if run is None:
            raise OrchError(f"run {run_id} was deleted meanwhile")
        return end_status(run, settings.heartbeat_timeout_s)

    try:
        with opened_instance(settings) as instance:
            record = find_run(instance, start)
            run_id = record.dagster_run.run_id
            path = run_log_path(settings.logs_dir, run_id, record.create_timestamp)
            if not path.exists():
                _report_missing_log(settings, record.dagster_run, path)
            for text in follow(path, lambda: end(instance, run_id) is not None):
                print_lines(text)
            return 0 if end(instance, run_id) is DagsterRunStatus.SUCCESS else 1
    except KeyboardInterrupt:
        return INTERRUPTED


def _report_missing_log(settings: Settings, run: DagsterRun, path: Path) -> None:
    from orch_dagster.defs.runs.lookup import end_status

    if end_status(run, settings.heartbeat_timeout_s) is not None:
        kept = f"ORCH_LOG_RETENTION_DAYS={settings.log_retention_days}"
        raise OrchError(
            f"run {run.run_id} has ended and has no log {path}: it started no job, or the log was "
            f"removed ({kept})"
        )
    say(f"run {run.run_id} has started no job yet; its log will be {path}", err=True)
