"""The run's log in Dagit: as the step's stdout, which its page shows as it grows, and as a link."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import dagster as dg
from dagster import DagsterInstance, DagsterRun
from dagster._core.events import EngineEventData
from dagster._core.storage.compute_log_manager import CapturedLogMetadata
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager

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
    shown = _shown_as(instance, run.run_id, job_name)
    if shown and _is_linked(log_file, Path(str(shown.stdout_location))):
        found["log"] = dg.MetadataValue.url(str(shown.stdout_download_url))
    instance.report_engine_event(
        f"{job_name} logs to {log_file}",
        dagster_run=run,
        engine_event_data=EngineEventData(metadata=found),
        step_key=job_name,
    )
    return found


def second_names(instance: DagsterInstance, log_files: Sequence[Path]) -> list[Path]:
    """The names that these logs have in Dagit's log folder; without them, the files are gone."""
    manager = instance.compute_log_manager
    linked = {(run_start_of(file), _identity(file)) for file in log_files}
    if not (linked and isinstance(manager, LocalComputeLogManager)):
        return []
    # Dagster has no name for its folder but as that of a file in it.
    starts = {start for start, _ in linked}
    folder = Path(manager.get_captured_local_path(["any"], "out")).parent
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


def _shown_as(instance: DagsterInstance, run_id: str, job_name: str) -> CapturedLogMetadata | None:
    manager = instance.compute_log_manager
    if not isinstance(manager, LocalComputeLogManager):
        return None
    return manager.get_log_metadata(manager.build_log_key_for_run(run_id, job_name))


def _is_linked(log_file: Path, second_name: Path) -> bool:
    with suppress(OSError):
        second_name.parent.mkdir(parents=True, exist_ok=True)
        os.link(log_file, second_name)
    # It was there: the step is tried again.
    with suppress(OSError):
        return second_name.samefile(log_file)
    return False
