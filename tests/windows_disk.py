"""A disk by Windows' rules of files that are open, on any system."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Literal

from framework.storage.disk import Disk

ACCESS_DENIED, SHARING_VIOLATION = 5, 32


class Killed(BaseException):
    """Stands for the end of the process: nothing in the code under test may catch it."""


def _nothing() -> None:
    """The default of what happens before a change."""


class WindowsDisk(Disk):
    """Refuses what Windows does while a program reads files that it shares for reading alone.

    A folder is not renamed while a file below it is open; a file that is open is neither renamed,
    replaced, deleted nor opened for writing.

    Attributes:
        held: The files that are open.
        changes: How many changes there were.
        stop_at: The number of the change before which the process ends.
        before: Called before each change.
    """

    def __init__(self) -> None:
        self.held: set[str] = set()
        self.changes = 0
        self.stop_at: int | None = None
        self.before: Callable[[], None] = _nothing

    def hold(self, root: Path) -> None:
        """Open all files below a folder."""
        self.held = {path.as_posix() for path in root.rglob("*") if path.is_file()}

    def open(self, location: str, mode: Literal["xb", "wb", "rb", "r+b"]) -> BinaryIO:
        if mode == "rb":
            # What a flush needs elsewhere.
            mode = "r+b"
        else:
            self._change()
        self._refuse_held(location)
        return super().open(location, mode)

    def make_folder(self, location: str) -> None:
        self._change()
        super().make_folder(location)

    def rename(self, source: str, target: str) -> None:
        self._change()
        self._refuse_held(source)
        if below := sorted(each for each in self.held if each.startswith(f"{source}/")):
            raise _refused(ACCESS_DENIED, below[0])
        super().rename(source, target)

    def replace(self, source: str, target: str) -> None:
        self._change()
        self._refuse_held(source)
        self._refuse_held(target, ACCESS_DENIED)
        super().replace(source, target)

    def unlink(self, location: str) -> None:
        self._change()
        self._refuse_held(location)
        super().unlink(location)

    def remove_folder(self, location: str) -> None:
        self._change()
        super().remove_folder(location)

    def remove_tree(self, location: str) -> None:
        for folder, _, names in os.walk(location, topdown=False):
            for name in names:
                self.unlink(f"{folder}/{name}")
            self.remove_folder(folder)

    def _change(self) -> None:
        if self.stop_at is not None and self.changes >= self.stop_at:
            raise Killed(f"before change {self.stop_at}")
        self.before()
        self.changes += 1

    def _refuse_held(self, location: str, code: int = SHARING_VIOLATION) -> None:
        if location in self.held:
            raise _refused(code, location)


def _refused(code: int, location: str) -> PermissionError:
    error = PermissionError(13, "Access denied", location)
    # Only Windows' own errors have it.
    setattr(error, "winerror", code)  # noqa: B010
    return error
