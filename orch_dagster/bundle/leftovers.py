"""Remove what a killed run leaves beside its parameters, which may hold secrets.

Its supervisor removes them, unless it was killed too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from framework.contract.params_file import WAREHOUSE_SUFFIX
from orch_dagster.files import os_fault, remove_path

PROPERTIES_SUFFIX = ".properties"
"""The end of the name of a file of Spark properties, which Spark reads when it starts."""

MESSAGES_SUFFIX = ".messages.jsonl"
"""The end of the name of a job's message file, whose messages are not masked yet."""

FOLDER_SUFFIX = ".messages.folder"
"""The end of the name of a file that names the folder of messages of a driver elsewhere."""

_SUFFIXES = (PROPERTIES_SUFFIX, MESSAGES_SUFFIX, WAREHOUSE_SUFFIX)


def remove_leftovers(params_dir: Path, run_id: str) -> list[str]:
    """Remove the leftovers of a run whose process is gone.

    Returns:
        A sentence for each one that can't be removed, or one if its folder can't be read.
    """
    try:
        entries = _entries(params_dir / run_id)
    except OSError as error:
        return [unread_text(error)]
    return remove_all(path for path in entries if _is_leftover(path))


def unread_text(error: OSError) -> str:
    """Return a sentence on a folder that can't be read."""
    return f"could not look for what a killed run left: {os_fault(error)}"


def has_leftovers(folder: Path) -> bool:
    """Return whether a folder ``params/<run_id>`` has files that a run removes at its end."""
    return any(_is_leftover(path) or path.name.endswith(FOLDER_SUFFIX) for path in _entries(folder))


def message_folders(params_dir: Path, run_id: str) -> list[Path]:
    """Return the files that name the folders of a run's drivers elsewhere.

    Raises:
        OSError: If the folder of the run can't be read.
    """
    entries = _entries(params_dir / run_id)
    return [path for path in entries if path.name.endswith(FOLDER_SUFFIX)]


def old_properties(folders: Iterable[Path], before_s: float) -> Iterator[Path]:
    """Yield the files of Spark properties in these folders whose last change is older.

    Args:
        folders: ``params/<run_id>`` and the like.
        before_s: Seconds since 1970.
    """
    for folder in folders:
        for path in _entries(folder):
            if PROPERTIES_SUFFIX in path.suffixes and _is_older(path, before_s):
                yield path


def remove_all(paths: Iterable[Path]) -> list[str]:
    """Remove files and folders; return a sentence for each one that can't be removed."""
    failed: list[str] = []
    for path in paths:
        try:
            remove_path(path)
        except OSError as error:
            failed.append(
                f"could not remove what a killed run left, and may hold secrets: {os_fault(error)}"
            )
    return failed


def _is_leftover(path: Path) -> bool:
    # A file that was being written has more after its suffix.
    return path.name.endswith(_SUFFIXES) or PROPERTIES_SUFFIX in path.suffixes


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _is_older(path: Path, before_s: float) -> bool:
    try:
        return path.lstat().st_mtime < before_s
    except FileNotFoundError:
        return False
