"""Reports of steps that Dagster's storage could not take, kept in files until it can.

The space of such a file is taken when its step begins, so that a disk that fills up in between has
room for why the step failed.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

from dagster import DagsterInstance, DagsterRun
from sqlalchemy.exc import SQLAlchemyError

from orch_dagster.defs.runs.dead_runs import BEGUN
from orch_dagster.defs.runs.history import report_step
from orch_dagster.defs.runs.liveness import is_process_gone, own_tags
from orch_dagster.execution_log import StepReport
from orch_dagster.files import make_private, put_in_place, remove_file

_LOG = logging.getLogger("orch_dagster")

STORAGE_ERRORS = (SQLAlchemyError, OSError)
"""The errors of Dagster's storage: of its database, of its files."""

# More than a message in UTF-8 and the rest of a report.
_BYTES_A_DATE = 4096
# What a line raises that something else wrote, or only a part of.
_NO_REPORT = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)


class KeptReports:
    """The file of one step's reports; usually nothing is ever kept in it.

    Args:
        folder: The folder of such files.
        run_id: The run of the step.
        job_name: The step's job.
        dates: How many dates it lands.

    Raises:
        OSError: If the file can't be created, or the disk has no room for it.
    """

    def __init__(self, folder: Path, run_id: str, job_name: str, dates: int) -> None:
        self._path = folder / f"{run_id}.{job_name}.jsonl"
        make_private(folder)
        self._is_used = False
        # A step that is tried again may have kept some before.
        self._offset = len(_read(self._path)) if self._path.exists() else 0
        with _opened(self._path, os.O_CREAT) as file:
            file.seek(self._offset)
            file.write(b" " * (_BYTES_A_DATE * (dates + 2)))
            file.flush()
            os.fsync(file.fileno())

    def keep(self, report: StepReport) -> None:
        """Keep a report.

        Raises:
            OSError: If it can't be written; the space was taken before.
        """
        self._is_used = True
        data = json.dumps(report.to_json()).encode() + b"\n"
        with _opened(self._path) as file:
            file.seek(self._offset)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        self._offset += len(data)

    def close(self) -> None:
        """Remove the file if nothing is kept in it."""
        if not self._is_used and self._offset == 0:
            remove_file(self._path)


def send_kept_reports(
    instance: DagsterInstance, folder: Path, heartbeat_timeout_s: float
) -> list[str]:
    """Write kept reports into the event log of their runs, and remove their files.

    Files of runs that go on, and of runs that the instance does not have, stay. One with a line
    that is no report is named `.bad` and left alone.

    Args:
        instance: The instance of the runs.
        folder: The folder of such files.
        heartbeat_timeout_s: As for is_process_gone.

    Returns:
        The ids of the runs.
    """
    sent: list[str] = []
    for path in sorted(folder.glob("*.jsonl")) if folder.is_dir() else []:
        run_id, _, _ = path.name.partition(".")
        run = instance.get_run_by_id(run_id)
        lines = _read(path).splitlines()
        if run is None or _goes_on(run, bool(lines), heartbeat_timeout_s):
            continue
        try:
            reports = _parsed(lines)
        except _NO_REPORT as error:
            bad = path.with_name(f"{path.name}.bad")
            put_in_place(path, bad)
            _LOG.warning(
                "%s can't be read, so what it keeps of run %s is not recorded: %r",
                *(bad, run_id, error),
            )
            continue
        for report in reports:
            message = f"{report.job_name} reported before, when this log could not be written"
            report_step(instance, run, report, message)
        remove_file(path)
        sent += [run_id] if lines else []
    return list(dict.fromkeys(sent))


def _goes_on(run: DagsterRun, has_lines: bool, heartbeat_timeout_s: float) -> bool:
    """Return whether the step of a file may write to it yet."""
    if run.status not in BEGUN:
        return False
    # Its reason comes before the failure that says that its process is gone.
    return not (has_lines and is_process_gone(own_tags(run), heartbeat_timeout_s))


def _parsed(lines: Sequence[bytes]) -> list[StepReport]:
    return [StepReport.from_json(cast("dict[str, Any]", json.loads(line))) for line in lines]


def _read(path: Path) -> bytes:
    """Return the whole lines of a file, without the space that is left."""
    whole, newline, _ = path.read_bytes().rpartition(b"\n")
    return whole + newline


def _opened(path: Path, flags: int = 0) -> BinaryIO:
    """Open a file for reading and writing in place."""
    return os.fdopen(os.open(path, os.O_RDWR | flags | getattr(os, "O_BINARY", 0), 0o600), "r+b")
