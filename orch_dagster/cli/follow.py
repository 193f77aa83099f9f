"""A run's log file, printed as it grows."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orch_dagster.cli.instance import opened_instance
from orch_dagster.errors import OrchError, UnknownRunError
from orch_dagster.run_log import follow, run_log_path
from orch_dagster.settings import Settings

if TYPE_CHECKING:
    from dagster import DagsterRun

# As a shell says of what Ctrl-C ended.
_INTERRUPTED = 130


def follow_run(settings: Settings, start: str) -> int:
    """Print the log of a run from its beginning until the run is over.

    Args:
        settings: Ours.
        start: The run's id, or as much of it as no other run has.

    Returns:
        The exit code: 0 if the run succeeded, 1 if not, 130 after Ctrl-C.

    Raises:
        UnknownRunError: There is no such run, or more than one.
        OrchError: The run is over and has no log.
    """
    from dagster import DagsterInstance, DagsterRunStatus

    from orch_dagster.defs.runs.lookup import find_run, how_it_ended

    if not settings.dagster_home.is_dir() and "DAGSTER_HOME" not in os.environ:
        raise UnknownRunError(f"nothing has run in {settings.home} yet")

    def end(instance: DagsterInstance, run_id: str) -> DagsterRunStatus | None:
        run = instance.get_run_by_id(run_id)
        if run is None:
            raise OrchError(f"run {run_id} was deleted meanwhile")
        return how_it_ended(run, settings.silence_s)

    try:
        with opened_instance(settings) as instance:
            record = find_run(instance, start)
            run_id = record.dagster_run.run_id
            path = run_log_path(settings.logs_dir, run_id, record.create_timestamp)
            if not path.exists():
                _say_without_log(settings, record.dagster_run, path)
            for text in follow(path, lambda: end(instance, run_id) is not None):
                click.echo(text, nl=False)
            return 0 if end(instance, run_id) is DagsterRunStatus.SUCCESS else 1
    except KeyboardInterrupt:
        return _INTERRUPTED


def _say_without_log(settings: Settings, run: DagsterRun, path: Path) -> None:
    from orch_dagster.defs.runs.lookup import how_it_ended

    if how_it_ended(run, settings.silence_s) is not None:
        kept = f"ORCH_LOG_RETENTION_DAYS={settings.log_retention_days}"
        raise OrchError(
            f"run {run.run_id} is over and has no log {path}: it started no job, or the log was "
            f"removed ({kept})"
        )
    click.echo(f"run {run.run_id} has started no job yet; its log will be {path}", err=True)
