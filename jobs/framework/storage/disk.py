"""The calls by which the local file system changes a disk and flushes it, one at a time.

What is not flushed may be lost with the power: a file's content, and the entry of a file or folder
in the folder that holds it. Tests put another disk in this one's place, which forgets it.
"""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path, PurePath
from typing import BinaryIO, Literal

from framework.contract.append import write_all

# From this length on, a file below may be over Windows' limit of 260 characters.
_LONG = 100
_LONG_FORM = "//?/"


def long_path(location: str, platform: str = os.name) -> Path:
    r"""Return the path of a location; Windows takes it at any length.

    >>> print(long_path("C:/" + "a" * 100, "nt"))  # doctest: +ELLIPSIS
    \\?\C:\aaa...
    >>> print(long_path("/tmp/x"))
    /tmp/x
    """
    name = location.replace("/", "\\")
    if platform != "nt" or len(location) < _LONG or name.startswith("\\\\?\\"):
        return Path(location)
    # A server's folder has its own spelling.
    return Path("\\\\?\\" + (f"UNC{name[1:]}" if name.startswith("\\\\") else name))


def plain_location(path: PurePath) -> str:
    r"""Return the location of a path that `long_path` made, or of one below it.

    >>> from pathlib import PureWindowsPath as Windows
    >>> print(plain_location(Windows(r"\\?\C:\a\b")), plain_location(Windows(r"\\?\UNC\s\t\a")))
    C:/a/b //s/t/a
    """
    name = path.as_posix()
    if not name.startswith(_LONG_FORM):
        return name
    name = name.removeprefix(_LONG_FORM)
    return f"/{name[3:]}" if name.startswith("UNC/") else name


class Disk:
    """A local disk, through the standard library."""

    def open(self, location: str, mode: Literal["xb", "wb", "rb", "r+b"]) -> BinaryIO:
        """Open a file: a new one (xb), emptied (wb) or as it is (rb, r+b), without a buffer."""
        return long_path(location).open(mode, buffering=0)

    def write(self, file: BinaryIO, data: bytes) -> None:
        """Write to an open file."""
        write_all(file.fileno(), data)

    def sync(self, file: BinaryIO) -> None:
        """Flush the content of an open file."""
        os.fsync(file.fileno())

    def sync_folder(self, location: str) -> None:
        """Flush the entries of a folder: what was made in it, renamed or removed."""
        # Windows can't open a folder; NTFS journals its entries itself.
        if os.name == "nt":
            return
        descriptor = os.open(location, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        except OSError as error:
            # File systems that can't flush a folder: automounters, some of networks.
            if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
                raise
        finally:
            os.close(descriptor)

    def make_folder(self, location: str) -> None:
        """Create a folder, unless it exists."""
        long_path(location).mkdir(exist_ok=True)

    def rename(self, source: str, target: str) -> None:
        """Rename a file or folder."""
        long_path(source).rename(long_path(target))

    def replace(self, source: str, target: str) -> None:
        """Rename a file, over another one if that exists."""
        long_path(source).replace(long_path(target))

    def unlink(self, location: str) -> None:
        """Delete a file."""
        long_path(location).unlink()

    def remove_folder(self, location: str) -> None:
        """Delete an empty folder."""
        long_path(location).rmdir()

    def remove_tree(self, location: str) -> None:
        """Delete a folder with its content."""
        shutil.rmtree(long_path(location))
