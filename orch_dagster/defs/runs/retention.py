"""Remove the logs and parameters of runs that are older than ORCH_LOG_RETENTION_DAYS."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path

import dagster as dg
from dagster import DagsterInstance, DagsterRunStatus

from orch_dagster.defs.dagster_internals.compute_logs import local_log_folder
from orch_dagster.defs.runs.leftovers import remove_all_leftovers
from orch_dagster.files import os_fault
from orch_dagster.run_log import old_kept_reports, old_logs, old_params, remove, run_start_of
from orch_dagster.settings import Settings

_EVERY_S = 3600.0
_ENDS = (DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED)
_UNFINISHED = [status for status in DagsterRunStatus if status not in _ENDS]


class OldLogs:
    """Looks for old logs at most once an hour.

    Args:
        settings: The folders and the days to keep.
        clock: Seconds of a monotonic clock.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        # By what is looked for.
        self._next_s = {"leftovers": -math.inf, "old": -math.inf}
        self._named: set[Path] = set()
        self._named_secrets: set[str] = set()

    def remove_leftovers(self, instance: DagsterInstance) -> list[str]:
        """Remove what dead runs of any age left that may hold secrets, if an hour has passed.

        Returns:
            A sentence for each file that could not be removed for the first time.
        """
        if not self._is_due("leftovers"):
            return []
        left = [each for each in self._secrets_left(instance) if each not in self._named_secrets]
        self._named_secrets |= {*left}
        return left

    def remove(self, instance: DagsterInstance) -> list[str]:
        """Remove the old files of ended runs, if an hour has passed since the last time.

        Returns:
            A sentence that counts the old files, and one for each file that could not be removed
            for the first time.
        """
        days = self._settings.log_retention_days
        return self._remove_old(instance, days) if self._is_due("old") and days else []

    def _is_due(self, name: str) -> bool:
        if self._clock() < self._next_s[name]:
            return False
        self._next_s[name] = self._clock() + _EVERY_S
        return True

    def _secrets_left(self, instance: DagsterInstance) -> list[str]:
        try:
            return remove_all_leftovers(instance, self._settings)
        except OSError as error:
            return [f"could not look for what killed runs left: {os_fault(error)}"]

    def _remove_old(self, instance: DagsterInstance, days: int) -> list[str]:
        running = instance.get_run_records(dg.RunsFilter(statuses=_UNFINISHED))
        unfinished = {record.dagster_run.run_id for record in running}
        before = datetime.now(timezone.utc) - timedelta(days=days)
        try:
            logs = old_logs(self._settings.logs_dir, before, unfinished)
            folders = old_params(self._settings.params_dir, before, unfinished)
            kept = old_kept_reports(self._settings.kept_reports_dir, before, unfinished)
            second = second_names(instance, logs)
            removals = [remove(files) for files in (second, logs, folders, kept)]
        except OSError as error:
            return [f"could not look for old logs: {os_fault(error)}"]
        failed = {path: error for each in removals for path, error in each.failed.items()}
        sentences = [
            f"could not remove: {os_fault(error)}"
            for path, error in failed.items()
            if path not in self._named
        ]
        self._named = set(failed)
        _, of_logs, of_folders, of_kept = removals
        if of_logs.removed or of_folders.removed or of_kept.removed:
            and_kept = f", and {of_kept.removed} kept reports," if of_kept.removed else ""
            sentences.insert(
                0,
                f"removed {of_logs.removed} logs and the parameters of {of_folders.removed} runs"
                f"{and_kept} older than {days} days",
            )
        return sentences


def second_names(instance: DagsterInstance, log_files: Sequence[Path]) -> list[Path]:
    """Return the hard links to these logs in Dagit's log folder, which keep the files alive."""
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
    stat = file.stat()
    return stat.st_dev, stat.st_ino
