"""Show the run's log in Dagit, as the step's stdout and as a link."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import dagster as dg
from dagster import DagsterInstance, DagsterRun

from orch_dagster.defs.dagster_internals.compute_logs import local_stdout
from orch_dagster.defs.dagster_internals.engine_events import write_engine_event
from orch_dagster.defs.step.begun import SHOWN_LOG


def show_run_log(
    instance: DagsterInstance, run: DagsterRun, job_name: str, log_file: Path
) -> dict[str, dg.MetadataValue[Any]]:
    """Show the log in Dagit from now on, and report its path in the step's events.

    Dagit serves only files of its own log folder, so the log is linked there as the step's stdout,
    which nothing else writes. If that fails (another disk, logs in a cloud), only the path is
    reported, and the job's output is copied to the step's stderr.

    Args:
        instance: The instance of the run.
        run: The run.
        job_name: The job's name, which is the step's key.
        log_file: The run's log.

    Returns:
        The metadata of the log, for the step's events.
    """
    metadata: dict[str, dg.MetadataValue[Any]] = {"log_file": dg.MetadataValue.path(str(log_file))}
    stdout = local_stdout(instance, run.run_id, job_name)
    if stdout and _is_linked(log_file, stdout.path):
        metadata[SHOWN_LOG] = dg.MetadataValue.url(stdout.url)
    write_engine_event(instance, run, job_name, f"{job_name} logs to {log_file}", metadata)
    return metadata


def _is_linked(log_file: Path, second_name: Path) -> bool:
    with suppress(OSError):
        second_name.parent.mkdir(parents=True, exist_ok=True)
        # Dagit refuses a symbolic link, so another disk needs a copy.
        os.link(log_file, second_name)
    # An earlier attempt may have linked it.
    with suppress(OSError):
        return second_name.samefile(log_file)
    return False
