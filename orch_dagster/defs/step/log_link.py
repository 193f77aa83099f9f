"""The run's log in Dagit: as the step's stdout, which its page shows as it grows, and as a link."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import dagster as dg
from dagster import DagsterInstance, DagsterRun

from orch_dagster.defs.dagster_internals.compute_logs import local_log_folder, local_stdout
from orch_dagster.defs.dagster_internals.engine_events import write_engine_event
from orch_dagster.run_log import run_start_of


def show_run_log(
    instance: DagsterInstance, run: DagsterRun, job_name: str, log_file: Path
) -> dict[str, dg.MetadataValue[Any]]:
    """Show the log in Dagit from now on, and say in the step's events where it is.

    A browser opens no path of the machine, and Dagit serves only the files of its own log folder:
    so the log gets a second name there, as the step's stdout, of which there is none otherwise.
    Where that cannot be (another disk, logs in a cloud), only the path is said.

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


def second_names(instance: DagsterInstance, log_files: Sequence[Path]) -> list[Path]:
    """The names that these logs have in Dagit's log folder; without them, the files are gone."""
    folder = local_log_folder(instance)
    linked = {(run_start_of(file), _identity(file)) for file in log_files}
    if folder is None or not linked:
        return []
    starts = {start for start, _ in linked}
    return [
        name
        for of_run in folder.iterdir()
        if of_run.name[:8] in starts
        for name in of_run.glob("compute_logs/*.out")
        if (of_run.name[:8], _identity(name)) in linked
    ]


def _identity(file: Path) -> tuple[int, int]:
    found = file.stat()
    return found.st_dev, found.st_ino


def _is_linked(log_file: Path, second_name: Path) -> bool:
    with suppress(OSError):
        second_name.parent.mkdir(parents=True, exist_ok=True)
        os.link(log_file, second_name)
    # It was there: the step is tried again.
    with suppress(OSError):
        return second_name.samefile(log_file)
    return False
