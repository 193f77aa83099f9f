"""What publishing needs of a file system, and the local one.

Every method takes locations (see locations.py). Failures are OSErrors, on every file system.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple, Protocol

HIDDEN = ("_", ".")


class Usage(NamedTuple):
    """The data files of a folder; names that begin with `_` or `.` are not data."""

    files: int
    size_bytes: int


class FileSystem(Protocol):
    """A tree of files; `rename` never replaces and never moves *into* what exists."""

    def exists(self, location: str) -> bool:
        """Whether a file or folder is there."""
        ...

    def matches(self, pattern: str) -> bool:
        """Whether a file or folder matches a pattern (`*`, `?`, `[..]`, `{a,b}`)."""
        ...

    def names(self, location: str) -> list[str]:
        """Return the names in a folder, sorted; none where there is no folder."""
        ...

    def make_dirs(self, location: str) -> None:
        """Create a folder and those above it; one that exists is fine."""
        ...

    def create_exclusive(self, location: str, data: bytes) -> None:
        """Create a file durably; FileExistsError where one exists."""
        ...

    def read_bytes(self, location: str) -> bytes:
        """Return a file's content; FileNotFoundError where there is none."""
        ...

    def modified(self, location: str) -> datetime:
        """Return when a file was last written; FileNotFoundError where there is none."""
        ...

    def write_atomic(self, location: str, data: bytes) -> None:
        """Replace a file durably: a reader sees the old content or the new, whole."""
        ...

    def make_durable(self, location: str) -> None:
        """See to it that a folder and all below it outlive a loss of power."""
        ...

    def rename(self, source: str, target: str) -> None:
        """Move a file or folder; FileExistsError where `target` exists."""
        ...

    def delete(self, location: str) -> None:
        """Delete a file or a folder with all it holds; nothing there is fine."""
        ...

    def remove_empty_dir(self, location: str) -> bool:
        """Remove a folder only if it is empty; whether it is gone."""
        ...

    def usage(self, location: str) -> Usage:
        """Count the data files below a folder."""
        ...
