"""The local file system."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Literal, TypeVar

from framework.contract.held_files import Patience
from framework.contract.paths import is_local, parent
from framework.logging import get_logger
from framework.storage.disk import Disk, long_path, plain_location
from framework.storage.filesystem import HIDDEN, FileEntry, Usage, is_hidden_folder
from framework.storage.patterns import (
    alternatives,
    as_glob,
    pattern_start,
    with_literal_start,
)

_MAKE_DIRS_ATTEMPTS = 100
_Result = TypeVar("_Result")


class LocalFileSystem:
    """The local file system, through the standard library.

    Args:
        disk: Carries out the changes.
        patience: How long they wait for a file that another program has open, on Windows.
    """

    def __init__(self, disk: Disk | None = None, patience: Patience | None = None) -> None:
        self._disk = disk or Disk()
        self._patience = patience or Patience(on_wait=_tell_wait)

    def exists(self, location: str) -> bool:
        return long_path(location).exists()

    def matches(self, pattern: str) -> bool:
        return self.exists(pattern) or any(True for _ in self._matching(pattern))

    def glob(self, pattern: str) -> list[str]:
        return [pattern] if self.exists(pattern) else sorted(set(self._matching(pattern)))

    def _matching(self, pattern: str) -> Iterator[str]:
        for each in alternatives(with_literal_start(self, pattern)):
            root, below = pattern_start(each)
            folder = long_path(root)
            paths = folder.glob(as_glob(below)) if below else iter([folder])
            yield from (plain_location(path) for path in paths if path.exists())

    def files(self, location: str, most: int) -> list[FileEntry]:
        path = long_path(location)
        if path.is_file():
            return [FileEntry(location, path.stat().st_size)]
        return list(islice(_files_below(path), most))

    def read_head(self, location: str, size_bytes: int) -> bytes:
        return self._patiently(lambda: self._read_head(location, size_bytes), location)

    def _read_head(self, location: str, size_bytes: int) -> bytes:
        # To open a pipe would wait for a writer.
        path = long_path(location)
        if not stat.S_ISREG(path.stat().st_mode):
            raise OSError(f"{location} is not a regular file")
        with path.open("rb") as file:
            return file.read(size_bytes)

    def names(self, location: str) -> list[str]:
        # Windows refuses it while another landing removes the folder.
        return self._patiently(lambda: self._names(long_path(location)), location)

    def _names(self, path: Path) -> list[str]:
        try:
            return sorted(each.name for each in path.iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError:
            # Of a file, not every Windows says that it is no directory.
            if path.is_file():
                return []
            raise

    def make_dirs(self, location: str) -> None:
        for _ in range(_MAKE_DIRS_ATTEMPTS - 1):
            # Another landing may remove the empty parent before this folder is created.
            with contextlib.suppress(FileNotFoundError):
                self._patiently(lambda: self._make_dirs(long_path(location)), location)
                return
        self._make_dirs(long_path(location))

    def _make_dirs(self, folder: Path) -> None:
        """Create the folders from the top down, each flushed before the next."""
        missing: list[Path] = []
        while not folder.is_dir() and folder != folder.parent:
            missing.append(folder)
            folder = folder.parent
        # A landing that was killed may have created it without flushing it; one in a folder that
        # can't be read was not created by a landing.
        with contextlib.suppress(PermissionError):
            self._disk.sync_folder(folder.parent.as_posix())
        for created in reversed(missing):
            self._disk.make_folder(created.as_posix())
            self._disk.sync_folder(created.parent.as_posix())

    def create_exclusive(self, location: str, data: bytes) -> None:
        # Mode x is O_CREAT with O_EXCL, which is atomic on every platform.
        self.make_dirs(parent(location))
        file = self._open(location, "xb")
        created = os.fstat(file.fileno())
        try:
            with file:
                self._disk.write(file, data)
                self._disk.sync(file)
        except OSError:
            # On a full disk, the partial file would look like a journal in the making. Another
            # landing may have replaced it meanwhile.
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(created, long_path(location).stat()):
                    self._disk.unlink(location)
            raise
        self._disk.sync_folder(parent(location))

    def read_bytes(self, location: str) -> bytes:
        return self._patiently(lambda: long_path(location).read_bytes(), location)

    def modified(self, location: str) -> datetime:
        return datetime.fromtimestamp(long_path(location).stat().st_mtime, tz=timezone.utc)

    def write_atomic(self, location: str, data: bytes) -> None:
        # Of this writer alone: another one may take the same journal over.
        temporary = f"{location}.tmp-{secrets.token_hex(4)}"
        with self._disk.open(temporary, "xb") as file:
            self._disk.write(file, data)
            self._disk.sync(file)
        self._patiently(lambda: self._disk.replace(temporary, location), location)
        self._disk.sync_folder(parent(location))

    def make_durable(self, location: str) -> None:
        for folder, _, files in os.walk(long_path(location)):
            for name in files:
                # Windows flushes only files that were opened for writing, which others may forbid.
                mode = "r+b" if os.name == "nt" else "rb"
                with self._open(f"{folder}/{name}", mode) as file:
                    self._disk.sync(file)
            self._disk.sync_folder(folder)
        self._disk.sync_folder(parent(location))

    def can_make_durable(self, location: str) -> bool:
        return is_local(location)

    def renames_by_copy(self, location: str) -> bool:
        return not is_local(location)

    def rename(self, source: str, target: str) -> None:
        # POSIX silently replaces an empty folder.
        if self.exists(target):
            raise FileExistsError(f"{target} exists, {source} can't be renamed to it")
        self._patiently(lambda: self._disk.rename(source, target), source)
        self._disk.sync_folder(parent(target))

    def delete(self, location: str) -> None:
        self._patiently(lambda: self._delete(location), location)
        # Also if it was missing: a process may have been killed before it flushed that.
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            self._disk.sync_folder(parent(location))

    def _delete(self, location: str) -> None:
        path = long_path(location)
        if path.is_dir() and not path.is_symlink():
            self._disk.remove_tree(location)
        else:
            # NotADirectoryError: a parent is a file, so nothing exists below it.
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                self._disk.unlink(location)

    def _patiently(self, change: Callable[[], _Result], location: str) -> _Result:
        """Carry out a change; of a location whose files may be deeper than Windows' limit too."""
        return self._patience.carry_out(change, str(long_path(location)))

    def _open(self, location: str, mode: Literal["xb", "rb", "r+b"]) -> BinaryIO:
        return self._patiently(lambda: self._disk.open(location, mode), location)

    def remove_empty_dir(self, location: str) -> bool:
        path = long_path(location)
        if not path.is_dir():
            return not path.exists()
        try:
            self._disk.remove_folder(location)
        except OSError:
            # It is not empty, or another landing removed it; the error codes differ by platform.
            return not path.exists()
        return True

    def usage(self, location: str) -> Usage:
        sizes: list[int] = []
        for folder, folders, files in os.walk(long_path(location)):
            folders[:] = [name for name in folders if not is_hidden_folder(name)]
            shown = [name for name in files if not name.startswith(HIDDEN)]
            sizes.extend((Path(folder) / name).stat().st_size for name in shown)
        return Usage(len(sizes), sum(sizes))

    def content(self, location: str) -> Usage:
        sizes = [
            (Path(folder) / name).lstat().st_size
            for folder, _, files in os.walk(long_path(location))
            for name in files
        ]
        return Usage(len(sizes), sum(sizes))


def _tell_wait(path: str) -> None:
    get_logger("framework.storage").warning(
        "%s, or a file in it, is open in another program: waiting for it", path
    )


def _files_below(folder: Path) -> Iterator[FileEntry]:
    # As Spark, which follows links.
    for parent_folder, folders, names in os.walk(folder, followlinks=True):
        folders.sort()
        for name in sorted(names):
            path = Path(parent_folder) / name
            # A file may go while others are listed, and a link may lead nowhere.
            with contextlib.suppress(FileNotFoundError):
                yield FileEntry(plain_location(path), path.stat().st_size)
