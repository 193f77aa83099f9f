"""The file system that publishing needs.

Every method takes locations (see contract/paths.py). Failures are OSErrors on every file system.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple, Protocol

HIDDEN = ("_", ".")


def is_hidden_folder(name: str) -> bool:
    """Return whether Spark skips a folder; one of a partition column may begin with `_`."""
    return name.startswith(".") or (name.startswith("_") and "=" not in name)


class Usage(NamedTuple):
    """Files of a folder and all below it."""

    files: int
    size_bytes: int


class FileEntry(NamedTuple):
    """A file with its location and size."""

    location: str
    size_bytes: int


class FileSystem(Protocol):
    """A tree of files; `rename` never replaces and never moves *into* what exists."""

    def exists(self, location: str) -> bool:
        """Return whether a file or folder exists."""
        ...

    def matches(self, pattern: str) -> bool:
        """Return whether a file or folder matches a pattern (`*`, `?`, `[..]`, `{a,b}`)."""
        ...

    def glob(self, pattern: str) -> list[str]:
        """Return the locations that match a pattern, as `matches` reads it."""
        ...

    def files(self, location: str, most: int) -> list[FileEntry]:
        """Return at most so many of the files below a folder, hidden ones too, or the file."""
        ...

    def read_head(self, location: str, size_bytes: int) -> bytes:
        """Return a file's first bytes; raise FileNotFoundError if it does not exist."""
        ...

    def names(self, location: str) -> list[str]:
        """Return the names in a folder, sorted; none if the folder does not exist."""
        ...

    def make_dirs(self, location: str) -> None:
        """Create a folder and its parents, unless they exist."""
        ...

    def create_exclusive(self, location: str, data: bytes) -> None:
        """Create a file durably; raise FileExistsError if it exists."""
        ...

    def read_bytes(self, location: str) -> bytes:
        """Return a file's content; raise FileNotFoundError if it does not exist."""
        ...

    def modified(self, location: str) -> datetime:
        """Return a file's time of modification; raise FileNotFoundError if it does not exist."""
        ...

    def write_atomic(self, location: str, data: bytes) -> None:
        """Replace a file durably, so that a reader sees either the old content or the new."""
        ...

    def make_durable(self, location: str) -> None:
        """Flush a folder, all below it and its own name, so that they survive a loss of power."""
        ...

    def can_make_durable(self, location: str) -> bool:
        """Return whether `make_durable` keeps its promise where the location is."""
        ...

    def renames_by_copy(self, location: str) -> bool:
        """Return whether a rename copies all data, as object stores do."""
        ...

    def rename(self, source: str, target: str) -> None:
        """Move a file or folder within a file system; raise FileExistsError if `target` exists."""
        ...

    def delete(self, location: str) -> None:
        """Delete a file, or a folder with its content, if it exists."""
        ...

    def remove_empty_dir(self, location: str) -> bool:
        """Remove a folder if it is empty; return whether it is gone."""
        ...

    def usage(self, location: str) -> Usage:
        """Count the data files below a folder; names that begin with `_` or `.` are not data."""
        ...

    def content(self, location: str) -> Usage:
        """Count all files below a folder, at little cost; none if it does not exist."""
        ...
