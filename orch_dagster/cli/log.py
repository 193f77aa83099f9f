"""orch log: show execution_log, follow a run's log, and rebuild execution_log."""

from __future__ import annotations

import re
import sys
from dataclasses import asdict
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from framework.contract.business_dates import date_fault
from orch_dagster.cli.arguments import BIZ_DT, as_json, loaded
from orch_dagster.cli.completion import JOB, RUN
from orch_dagster.cli.exit_codes import INTERRUPTED
from orch_dagster.cli.groups import CommandGroup
from orch_dagster.cli.instance import has_instance, opened_instance
from orch_dagster.cli.log_lines import STATUSES, print_log
from orch_dagster.cli.log_rows import LogFilter, find_rows
from orch_dagster.cli.output import print_json, print_lines, say
from orch_dagster.control.connect import opened_store
from orch_dagster.errors import OrchError, UnknownRunError
from orch_dagster.growing_file import follow
from orch_dagster.run_log import run_log_path
from orch_dagster.settings import Settings, load_settings

if TYPE_CHECKING:
    from dagster import DagsterRun

_NAMED_AT_MOST = 20
_DEFAULT_LIMIT = 20
_AGO = re.compile(r"(\d{1,5})\s*([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


class _Moment(click.ParamType[datetime]):
    name = "moment"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        if ago := _AGO.fullmatch(str(value)):
            return datetime.now(timezone.utc) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        try:
            # Python 3.10 does not know the Z that `orch log --json` prints.
            moment = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
        except ValueError:
            self.fail(
                f"{value!r} is not a date or time such as 2024-05-15T06:30:00Z, nor how long ago, "
                f"such as 36h",
                param,
                ctx,
            )
        if fault := date_fault(moment.date().isoformat()):
            self.fail(f"{value!r} {fault}", param, ctx)
        return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


@click.group(cls=CommandGroup, invoke_without_command=True)
@click.option(
    "--job",
    "--source",
    "job",
    type=JOB,
    metavar="JOB",
    help="Only this job, or the jobs of this group; its rows under older names too.",
)
@click.option("--biz-dt", "biz_dts", type=BIZ_DT, multiple=True, help="Only this business date.")
@click.option("--from", "first", type=BIZ_DT, help="Only business dates from this one on.")
@click.option("--to", "last", type=BIZ_DT, help="Only business dates up to this one.")
@click.option(
    "--status",
    "statuses",
    type=click.Choice(STATUSES, case_sensitive=False),
    multiple=True,
    help="Only rows of this status; may be given several times.",
)
@click.option(
    "--since",
    type=_Moment(),
    help="Only what started since this date or time (UTC unless it names a zone), or since so "
    "long ago: 36h, 7d.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    help=f"Show at most this many rows; by default {_DEFAULT_LIMIT}, with --since all.",
)
@click.option("--wide", "is_wide", is_flag=True, help="Show whole ids, and more columns.")
@click.option(
    "--follow",
    "run",
    type=RUN,
    metavar="RUN",
    help="Follow the log of this run (its id or its first characters) until the run ends.",
)
@as_json
@click.pass_context
def log(
    ctx: click.Context,
    run: str | None,
    limit: int | None,
    is_wide: bool,
    is_json: bool,
    job: str | None,
    **asked: Any,
) -> None:
    """Show execution_log, the newest start first."""
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
    if asked["first"] and asked["last"] and asked["last"] < asked["first"]:
        raise click.UsageError(f"--from {asked['first']} is after --to {asked['last']}")
    settings = load_settings()
    if run is not None:
        if len(given) > 1:
            raise click.UsageError("--follow can't be combined with other options")
        sys.exit(_follow(settings, run))
    wanted = LogFilter(name=job, **asked)
    if limit is None and wanted.since is None:
        limit = _DEFAULT_LIMIT
    with opened_store(settings) as store:
        rows, count = find_rows(store, wanted, limit)
    if is_json:
        print_json(rows)
        return
    print_log(rows, "No rows.", is_wide=is_wide)
    if len(rows) < count:
        say(f"the newest {len(rows)} of {count} rows; --limit shows more", err=True)


@log.command()
@click.option(
    "--since",
    type=_Moment(),
    help="Only runs created since this date or time (UTC unless it names a zone), or since so "
    "long ago: 36h, 7d.",
)
@click.option(
    "--gone",
    multiple=True,
    type=RUN,
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
    for sentence in result.unended:
        say(sentence)
    for row in result.unknown[:_NAMED_AT_MOST]:
        say(f"unknown: {unknown_text(row)}")
    if len(result.unknown) > _NAMED_AT_MOST:
        say(f"unknown: {len(result.unknown) - _NAMED_AT_MOST} more such rows")
    say(f"runs: {result.runs}, rows: {result.rows}, rows written: {result.written}")


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

    if not has_instance(settings):
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
            for lines in follow(path, lambda: end(instance, run_id) is not None):
                text = lines.decode("utf-8", "replace")
                print_lines(text if text.endswith("\n") else text + "\n")
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
