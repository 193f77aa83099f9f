"""Write a run's log, and remove it when it has expired.

A run's parameters under ``params/`` expire with its log.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from framework.contract.append import is_full, open_append, write_all
from framework.contract.log_line import format_line, log_text
from framework.contract.params_file import WAREHOUSE_SUFFIX
from orch_dagster.files import make_private

# Only names that run_log_path and write_bundle make: other files belong to somebody else.
_LOG = re.compile(r"job_\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d_(?P<start>.{1,8})\.log")
_RUN_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Unkept:
    """Counts output that is not kept, as its log has reached its largest size.

    Args:
        max_bytes: That size; 0 for no limit.
    """

    def __init__(self, max_bytes: int) -> None:
        self._limit = f"{max_bytes / 1_000_000:,g} MB (ORCH_LOG_MAX_MB)"
        self._lines = 0
        self._bytes = 0

    def count(self, line: str) -> str | None:
        """Count a line; return a sentence for the log if it is the first one."""
        self._lines += 1
        self._bytes += len(line.encode("utf-8", "replace")) + 1
        if self._lines > 1:
            return None
        return (
            f"the log has reached {self._limit}: what the job prints from here on is counted and "
            "not kept"
        )

    def summary(self) -> str | None:
        """Return what was not kept, or None."""
        if not self._lines:
            return None
        return (
            f"{self._lines:,} lines ({self._bytes:,} bytes) that the job printed are not in its "
            f"log, which has reached {self._limit}"
        )


class RunLog:
    """A log file that several processes may share, as each line is one write.

    A line that can't be written, on a full disk for instance, never ends the job: it is counted.

    Args:
        path: The file; its folder is created.
        max_bytes: The size of the file from which on output of jobs is counted and not kept; 0 for
            no limit. The orchestrator's own lines, which are few, are always kept.
    """

    def __init__(self, path: Path, max_bytes: int = 0) -> None:
        self.path = path
        make_private(path.parent)
        self._file = open_append(str(path))
        self._max_bytes = max_bytes
        self._unkept = Unkept(max_bytes)
        self._unwritten = 0
        self._error: OSError | None = None
        self._is_torn = False

    def write(self, level: str, name: str, text: str) -> None:
        """Add a message, its further lines indented, so that none looks like another message.

        Args:
            level: Such as INFO.
            name: The logger.
            text: The message.
        """
        now = datetime.now(timezone.utc)
        first, *further = text.splitlines() or [""]
        for line in (first, *(f"    {line}" for line in further)):
            self._append(format_line(now, level, name, line))

    def add_output(self, name: str, line: str) -> bool:
        """Add a line of a job's output; return whether the log has room for it."""
        if not self._has_room(line):
            return False
        now = datetime.now(timezone.utc)
        # A progress bar is one line with a return for each of its states.
        for part in line.splitlines() or [""]:
            self._append(format_line(now, "INFO", name, part))
        return True

    def add_log_line(self, line: str) -> bool:
        """Add a line of a log that a job wrote elsewhere; return whether there is room for it."""
        if not self._has_room(line):
            return False
        self._append(log_text(line))
        return True

    def _has_room(self, line: str) -> bool:
        """Return whether the log takes a line; one that it does not take is counted."""
        if not is_full(self._file, self._max_bytes):
            return True
        if sentence := self._unkept.count(line):
            self.write("WARN", "orch", sentence)
        return False

    def losses(self) -> list[str]:
        """Return a sentence on what was not kept, and one on what could not be written."""
        sentences = [summary] if (summary := self._unkept.summary()) else []
        if self._error:
            sentences.append(
                f"{self._unwritten:,} lines are not in {self.path}, which could not be written: "
                f"{self._error.strerror or self._error}"
            )
        return sentences

    def _append(self, line: str) -> None:
        # A write that failed may have left half a line.
        start = b"\n" if self._is_torn else b""
        try:
            write_all(self._file, start + line.encode("utf-8", "replace") + b"\n")
        except OSError as error:
            if error.errno == errno.EBADF:
                # The log was closed before: a fault of the caller, not of the disk.
                raise
            self._is_torn = True
            self._unwritten += 1
            self._error = self._error or error
        else:
            self._is_torn = False

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


def run_log_path(logs_dir: Path, run_id: str, created_at: datetime) -> Path:
    """Return the path of a run's log, named after the run's creation in UTC.

    >>> run_log_path(Path("logs"), "0123456789", datetime(2024, 5, 15, tzinfo=timezone.utc)).name
    'job_2024-05-15_00-00-00_01234567.log'
    """
    at = created_at.astimezone(timezone.utc)
    return logs_dir / f"job_{at:%Y-%m-%d_%H-%M-%S}_{run_id[:8]}.log"


@dataclass(frozen=True)
class Removal:
    """The number of files that were removed, and the errors of the others by path."""

    removed: int
    failed: dict[Path, OSError]


def run_start_of(log_file: Path) -> str | None:
    """Return the start of the run id in a log file's name, None for other files."""
    match = _LOG.fullmatch(log_file.name)
    return match["start"] if match else None


def old_logs(logs_dir: Path, before: datetime, unfinished: Collection[str]) -> list[Path]:
    """Find the logs whose last write is older.

    Args:
        logs_dir: ``logs/``.
        before: The limit; logs written since then stay.
        unfinished: Run ids whose logs stay, however old.
    """
    return [
        path
        for path in _entries(logs_dir)
        if (start := run_start_of(path))
        and not any(run_id.startswith(start) for run_id in unfinished)
        and path.is_file()
        and _is_older([path], before)
    ]


def old_params(params_dir: Path, before: datetime, unfinished: Collection[str]) -> list[Path]:
    """Find the folders ``params/<run_id>`` whose last change is older, like old_logs."""
    return [
        path
        for path in _entries(params_dir)
        if _RUN_ID.fullmatch(path.name)
        and path.name not in unfinished
        and path.is_dir()
        and _is_older([path, *_entries(path)], before)
    ]


def old_kept_reports(folder: Path, before: datetime, unfinished: Collection[str]) -> list[Path]:
    """Find the files of reports whose last change is older, like old_logs.

    One of a run that Dagster does not have any more is never sent.
    """
    return [
        path
        for path in _entries(folder)
        if ".jsonl" in path.suffixes
        and path.name.partition(".")[0] not in unfinished
        and _is_older([path], before)
    ]


def remove(paths: Iterable[Path]) -> Removal:
    """Remove files, and folders of files and tables; go on after one that can't be removed."""
    removed, failed = 0, dict[Path, OSError]()
    for path in paths:
        try:
            if path.is_dir():
                for entry in _entries(path):
                    # Left where the supervisor died too.
                    if entry.name.endswith(WAREHOUSE_SUFFIX) and entry.is_dir():
                        shutil.rmtree(entry)
                    else:
                        entry.unlink()
                path.rmdir()
            else:
                path.unlink()
            removed += 1
        except FileNotFoundError:
            # Another process has removed it.
            continue
        except OSError as error:
            failed[path] = error
    return Removal(removed, failed)


def _entries(folder: Path) -> Iterator[Path]:
    try:
        yield from folder.iterdir()
    except FileNotFoundError:
        return


def _is_older(paths: Iterable[Path], before: datetime) -> bool:
    try:
        return max(path.lstat().st_mtime for path in paths) < before.timestamp()
    except FileNotFoundError:
        return False
