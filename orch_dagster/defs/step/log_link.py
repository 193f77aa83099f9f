"""Show the run's log in Dagit: as the step's stdout, which grows on its page, and as a link."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import dagster as dg
from dagster import DagsterInstance, DagsterRun

from orch_dagster.defs.dagster_internals.compute_logs import local_stdout
from orch_dagster.defs.dagster_internals.engine_events import write_engine_event


def show_run_log(
    instance: DagsterInstance, run: DagsterRun, job_name: str, log_file: Path
) -> dict[str, dg.MetadataValue[Any]]:
    """Show the log in Dagit from now on, and report in the step's events where it is.

    A browser opens no path of the machine, and Dagit serves only the files of its own log folder:
    so the log gets a second name there, as the step's stdout, which nothing else writes. Where
    that can't be (another disk, logs in a cloud), only the path is reported.

    Args:
        instance: Dagster's.
        run: The run.
        job_name: The job, which is the step.
        log_file: The run's log.

    Returns:
        The metadata of the log, for what the step reports.
    """
    found: dict[str, dg.MetadataValue[Any]] = {"log_file": dg.MetadataValue.path(str(log_file))}
    shown = local_stdout(instance, run.run_id, job_name)
    if shown and _is_linked(log_file, shown.path):
        found["log"] = dg.MetadataValue.url(shown.url)
    write_engine_event(instance, run, job_name, f"{job_name} logs to {log_file}", found)
    return found


def _is_linked(log_file: Path, second_name: Path) -> bool:
    with suppress(OSError):
        second_name.parent.mkdir(parents=True, exist_ok=True)
        os.link(log_file, second_name)
    # It exists already where the step is tried again.
    with suppress(OSError):
        return second_name.samefile(log_file)
    return False
