"""Files of a local folder, as the gateway to YARN has those of Hadoop's file systems."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from orch_dagster.toolchain.errors import SparkError


class LocalFiles:
    """Files below a folder.

    Attributes:
        error: What is raised instead of an answer.
        delete_error: What is raised instead of deleting.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self.error: Exception | None = None
        self.delete_error: Exception | None = None

    def read_folder(self, folder: str, after: str = "") -> list[tuple[str, bytes]]:
        if self.error:
            raise self.error
        names = sorted(self.names(folder) or ())
        return [(each, (self._root / folder / each).read_bytes()) for each in names if each > after]

    def delete(self, file: str) -> None:
        if self.delete_error:
            raise self.delete_error
        path = self._root / file
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)

    def logs(
        self, application_id: str, last_bytes: int = 65536, log_types: Sequence[str] = ("stdout",)
    ) -> str:
        raise SparkError(f"no logs of {application_id}")

    def put(self, folder: str, name: str, data: bytes) -> None:
        """Write a file."""
        (self._root / folder).mkdir(exist_ok=True)
        (self._root / folder / name).write_bytes(data)

    def writer(self, folder: str) -> Callable[[str, bytes], None]:
        """What a job's channel writes with."""

        def write(name: str, data: bytes) -> None:
            self.put(folder, f".{name}", data)
            (self._root / folder / f".{name}").replace(self._root / folder / name)

        return write

    def names(self, folder: str) -> list[str] | None:
        """The names in a folder, None if it is not there."""
        path = self._root / folder
        return sorted(each.name for each in path.iterdir()) if path.is_dir() else None
