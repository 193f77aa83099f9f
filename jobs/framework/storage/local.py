"""The local file system."""

from __future__ import annotations

import contextlib
import glob
import os
import re
import shutil
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

from framework.contract.append import write_all
from framework.contract.paths import parent
from framework.storage.filesystem import HIDDEN, Usage

_MAKE_DIRS_ATTEMPTS = 100


class LocalFileSystem:
    """The local file system, through the standard library."""

    def exists(self, location: str) -> bool:
        return Path(location).exists()

    def matches(self, pattern: str) -> bool:
        # Path.glob takes only relative patterns.
        matching = (glob.iglob(each) for each in _alternatives(pattern))  # noqa: PTH207
        return self.exists(pattern) or any(True for paths in matching for _ in paths)

    def glob(self, pattern: str) -> list[str]:
        if self.exists(pattern):
            return [pattern]
        matching = (glob.iglob(each) for each in _alternatives(pattern))  # noqa: PTH207
        return sorted({Path(path).as_posix() for paths in matching for path in paths})

    def names(self, location: str) -> list[str]:
        try:
            return sorted(path.name for path in Path(location).iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []

    def make_dirs(self, location: str) -> None:
        for _ in range(_MAKE_DIRS_ATTEMPTS - 1):
            # Another landing may remove the empty parent before this folder is created.
            with contextlib.suppress(FileNotFoundError):
                Path(location).mkdir(parents=True, exist_ok=True)
                return
        Path(location).mkdir(parents=True, exist_ok=True)

    def create_exclusive(self, location: str, data: bytes) -> None:
        # Mode x is O_CREAT with O_EXCL, which is atomic on every platform.
        self.make_dirs(parent(location))
        file = Path(location).open("xb")  # noqa: SIM115 - to tell its errors from a write's
        try:
            with file:
                _write_durably(file.fileno(), data)
        except OSError:
            # On a full disk, the partial file would look like a journal in the making.
            Path(location).unlink(missing_ok=True)
            raise
        _sync_folder(parent(location))

    def read_bytes(self, location: str) -> bytes:
        return Path(location).read_bytes()

    def modified(self, location: str) -> datetime:
        return datetime.fromtimestamp(Path(location).stat().st_mtime, tz=timezone.utc)

    def write_atomic(self, location: str, data: bytes) -> None:
        temporary = Path(location + ".tmp")
        with temporary.open("wb") as file:
            _write_durably(file.fileno(), data)
        temporary.replace(location)
        _sync_folder(parent(location))

    def make_durable(self, location: str) -> None:
        for folder, _, files in os.walk(location):
            for name in files:
                # Windows flushes only files that were opened for writing.
                with (Path(folder) / name).open("r+b") as file:
                    os.fsync(file.fileno())
            _sync_folder(folder)

    def rename(self, source: str, target: str) -> None:
        # POSIX silently replaces an empty folder.
        if self.exists(target):
            raise FileExistsError(f"{target} exists, {source} can't be renamed to it")
        Path(source).rename(target)
        _sync_folder(parent(target))

    def delete(self, location: str) -> None:
        path = Path(location)
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            # NotADirectoryError: a parent is a file, so nothing exists below it.
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                path.unlink()

    def remove_empty_dir(self, location: str) -> bool:
        path = Path(location)
        if not path.is_dir():
            return not path.exists()
        try:
            path.rmdir()
        except OSError:
            # It is not empty, or another landing removed it; the error codes differ by platform.
            return not path.exists()
        return True

    def usage(self, location: str) -> Usage:
        sizes: list[int] = []
        for folder, folders, files in os.walk(location):
            folders[:] = [name for name in folders if not name.startswith(HIDDEN)]
            shown = [name for name in files if not name.startswith(HIDDEN)]
            sizes.extend((Path(folder) / name).stat().st_size for name in shown)
        return Usage(len(sizes), sum(sizes))


def _write_durably(descriptor: int, data: bytes) -> None:
    write_all(descriptor, data)
    os.fsync(descriptor)


def _alternatives(pattern: str) -> Iterator[str]:
    """Yield the patterns that `{a,b}` stands for, which Python's glob does not support."""
    braces = re.search(r"\{([^{}]*)\}", pattern)
    if braces is None:
        yield pattern
        return
    for choice in braces[1].split(","):
        yield from _alternatives(pattern[: braces.start()] + choice + pattern[braces.end() :])


def _sync_folder(folder: str) -> None:
    # Windows can't open a folder; NTFS journals its entries itself.
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
