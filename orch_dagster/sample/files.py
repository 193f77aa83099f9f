"""Write a file of an extract completely or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from uuid import uuid4

from orch_dagster.files import discard, put_in_place


def write_csv(path: Path, header: Iterable[str], rows: Iterable[Iterable[str]]) -> Path:
    """Write spelled cells as a UTF-8 CSV file with LF line ends, replacing the file atomically.

    Unlike orch_dagster.files.write_atomically it streams the text, and the file's mode follows the
    umask, as Spark may read it as another user.

    Args:
        path: The file; its folder is created if missing.
        header: The column names.
        rows: Rows of cells from spelling.Speller, quotes included.

    Returns:
        The path.

    Raises:
        OSError: If the file can't be written; an existing file is then unchanged.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Spark skips names that begin with a dot, so it never reads the unfinished file.
    unfinished = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        with unfinished.open("x", encoding="utf-8", newline="") as file:
            file.write(",".join(header) + "\n")
            file.writelines(",".join(cells) + "\n" for cells in rows)
        put_in_place(unfinished, path)
    except BaseException:
        discard(unfinished)
        raise
    return path
