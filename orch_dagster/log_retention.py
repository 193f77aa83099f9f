"""Which files of old runs are to go: their logs, and the parameters that are kept as long."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

# Only what run_log_path and write_bundle name so: other files there are their owner's.
_LOG = re.compile(r"job_\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d_(?P<start>.{1,8})\.log")
_RUN_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


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
