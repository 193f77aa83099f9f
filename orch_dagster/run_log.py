"""A run's log: written by the orchestrator and its jobs, followed while it grows, expired when old.

Its parameters under ``params/`` expire with it.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from framework.contract.append import open_append, write_all
from framework.contract.log_line import format_line

# No system tells of a growing file in the same way, so it is looked at.
_LOOK_EVERY_S = 0.5
_PIECE_BYTES = 1 << 20
# Only what run_log_path and write_bundle name so: other files there are their owner's.
_LOG = re.compile(r"job_\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d_(?P<start>.{1,8})\.log")
_RUN_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class RunLog:
    """Appends lines to one file, a line a write, so that several processes may share it.

    Args:
        path: The file; its folder is made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = open_append(str(path))

    def write(self, level: str, name: str, text: str) -> None:
        """Add the text, a line for each of its lines.

        Args:
            level: Such as INFO.
            name: Who speaks: ``orch``, or ``spark`` for what the child printed.
            text: What to say.
        """
        now = datetime.now(timezone.utc)
        for line in text.splitlines() or [""]:
            whole = format_line(now, level, name, line) + "\n"
            write_all(self._file, whole.encode("utf-8", "replace"))

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


def run_log_path(logs_dir: Path, run_id: str, created_at: datetime) -> Path:
    """``logs/job_YYYY-MM-DD_HH-MM-SS_<first 8 of run id>.log``, by the run's creation in UTC."""
    at = created_at.astimezone(timezone.utc)
    return logs_dir / f"job_{at:%Y-%m-%d_%H-%M-%S}_{run_id[:8]}.log"


def follow(path: Path, is_over: Callable[[], bool]) -> Iterator[str]:
    """The text of a file from its start, piece by piece, each of whole lines.

    Args:
        path: The file; it need not be there yet.
        is_over: Whether nothing more is written; then the rest is read, and this ends.
    """
    position, rest = 0, b""
    while True:
        # Asked first: what was written before the end is then read after it.
        ended = is_over()
        for piece in _pieces(path, position):
            position += len(piece)
            lines, newline, rest = (rest + piece).rpartition(b"\n")
            if newline:
                yield _text(lines + newline)
        if ended:
            if rest:
                yield _text(rest + b"\n")
            return
        time.sleep(_LOOK_EVERY_S)


def _pieces(path: Path, position: int) -> Iterator[bytes]:
    # Opened each time: on Windows nobody could remove a file that is held open.
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        file.seek(position)
        while piece := file.read(_PIECE_BYTES):
            yield piece


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


@dataclass(frozen=True)
class Removal:
    """What became of the files: how many are gone, and of the others why not, by path."""

    removed: int
    failed: dict[Path, OSError]


def run_start_of(log_file: Path) -> str | None:
    """The first characters of the run id that a log file's name has; None of other files."""
    match = _LOG.fullmatch(log_file.name)
    return match["start"] if match else None


def old_logs(logs_dir: Path, before: datetime, unfinished: Collection[str]) -> list[Path]:
    """The logs that nobody has written to since then.

    Args:
        logs_dir: ``logs/``.
        before: The moment.
        unfinished: Run ids whose logs stay, however old.
    """
    going = tuple(unfinished)
    return [
        path
        for path in _entries(logs_dir)
        if (start := run_start_of(path))
        and not any(run_id.startswith(start) for run_id in going)
        and path.is_file()
        and _is_older([path], before)
    ]


def old_params(params_dir: Path, before: datetime, unfinished: Collection[str]) -> list[Path]:
    """The folders ``params/<run_id>`` in which nothing has changed since then; see old_logs."""
    return [
        path
        for path in _entries(params_dir)
        if _RUN_ID.fullmatch(path.name)
        and path.name not in unfinished
        and path.is_dir()
        and _is_older([path, *_entries(path)], before)
    ]


def remove(paths: Iterable[Path]) -> Removal:
    """Remove files, and folders of files; what cannot be removed does not stop the rest."""
    removed, failed = 0, dict[Path, OSError]()
    for path in paths:
        try:
            if path.is_dir():
                for file in _entries(path):
                    file.unlink()
                path.rmdir()
            else:
                path.unlink()
            removed += 1
        except FileNotFoundError:
            # Somebody else was faster.
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
