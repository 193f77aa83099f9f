"""Writes an extract's file whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from uuid import uuid4


def write_csv(path: Path, header: Iterable[str], rows: Iterable[Iterable[str]]) -> Path:
    """Write spelled cells as a UTF-8 CSV file with LF line ends, replacing the file at once.

    Unlike orch_dagster.files.write_atomically the text is never held whole, and the file's mode
    follows the umask: Spark may read it as somebody else.

    Args:
        path: the file; its folder is made where missing.
        header: the column names.
        rows: rows of cells as spelling.Speller gives them, quotes included.

    Returns:
        The path.

    Raises:
        OSError: the file cannot be written; the file that was there before is untouched.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Spark ignores names that begin with a dot, so a reader never meets the unfinished file.
    unfinished = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        with unfinished.open("x", encoding="utf-8", newline="") as file:
            file.write(",".join(header) + "\n")
            file.writelines(",".join(cells) + "\n" for cells in rows)
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    return path
