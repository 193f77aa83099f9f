"""Make folders for temporary files of a process; a later start removes one that had to stay.

A process that is killed leaves its folder, and one that ends may have to: on Windows nobody deletes
a file that a scanner has open. Beside each folder is a file that its process holds, open on Windows
and locked elsewhere, until it ends in whatever way. So the system tells whether the owner lives,
however old the folder is and whoever has the number of its process by now.

Standard library only, as supervisor.py loads it without this package.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

_SUFFIX = ".owner"


class OwnedFolder:
    """A new folder for its owner alone, once those that dead owners left are removed.

    Args:
        parent: The folder above; None for the one of temporary files.
        prefix: The start of its name.

    Attributes:
        path: The folder.

    Raises:
        OSError: If it can't be created.
    """

    def __init__(self, parent: Path | None, prefix: str) -> None:
        parent = parent or Path(tempfile.gettempdir())
        remove_abandoned(parent, prefix)
        self.path = Path(tempfile.mkdtemp(dir=parent, prefix=prefix))
        self._file = self.path.with_name(self.path.name + _SUFFIX)
        self._held: BinaryIO | None = None
        # Without the file, as on file systems that know no locks, nobody else removes the folder.
        with suppress(OSError):
            self._held = _hold(self._file)

    def release(self) -> None:
        """Let go of the folder: if it is not removed by now, a later start does it."""
        if self._held is None:
            return
        self._held.close()
        if not self.path.exists():
            with suppress(OSError):
                self._file.unlink()


def remove_abandoned(parent: Path, prefix: str) -> None:
    """Remove the folders of dead owners on this host; leave what another program has open."""
    for file in parent.glob(f"{prefix}*{_SUFFIX}"):
        folder = file.with_name(file.name.removesuffix(_SUFFIX))
        with suppress(OSError):
            # An owner on another host may not be seen.
            if not (_is_own(file) and file.read_bytes() == _host() and _take(file)):
                continue
            shutil.rmtree(folder, ignore_errors=True)
            if folder.exists():
                file.write_bytes(_host())


def _host() -> bytes:
    # Imported late, as every command would wait for it.
    import socket

    return socket.gethostname().encode()


def _new(file: Path) -> BinaryIO:
    # Without a buffer, so that a full disk is met here.
    held = file.open("xb", buffering=0)
    try:
        held.write(_host())
    except OSError:
        held.close()
        file.unlink()
        raise
    return held


if sys.platform == "win32":

    def _hold(file: Path) -> BinaryIO:
        """Create a file that nobody can delete while this process has it open."""
        return _new(file)

    def _is_own(file: Path) -> bool:
        """Return whether it is a file, as a folder for temporary files is one user's alone."""
        return file.is_file()

    def _take(file: Path) -> bool:
        """Delete the file of an owner; return False if it lives."""
        try:
            file.unlink()
        except PermissionError:
            return False
        return True

else:
    import fcntl
    import os
    import stat

    def _hold(file: Path) -> BinaryIO:
        """Create a file that is locked while this process has it open."""
        # It has its name once it is locked, so that nobody finds it free.
        early = file.with_name(f".{file.name}")
        held = _new(early)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            early.rename(file)
        except OSError:
            held.close()
            early.unlink()
            raise
        return held

    def _is_own(file: Path) -> bool:
        """Return whether it is a file of this user: in /tmp anybody may make one of any kind."""
        found = file.lstat()
        return stat.S_ISREG(found.st_mode) and found.st_uid == os.getuid()

    def _take(file: Path) -> bool:
        """Delete the file of an owner; return False if it lives."""
        # NFS locks only what is open for writing.
        with file.open("r+b") as opened:
            try:
                fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            file.unlink()
        return True
