"""Write files whole or not at all, and create folders and files for their owner alone."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager, suppress
from pathlib import Path, PurePath
from typing import TypeVar

from framework.contract.held_files import Patience
from framework.contract.native_paths import portable
from orch_dagster.owned_folder import OwnedFolder

_Path = TypeVar("_Path", bound=PurePath)

# About what a database file grows by.
_PROBE = b"\0" * (256 * 1024)
_REMEDIES = {
    errno.ENOSPC: "free space on its disk",
    errno.EDQUOT: "free space, or have the quota of this user raised",
    errno.EROFS: "have its file system mounted for writing, or choose another folder",
    errno.EACCES: "give this user the right to write there",
    errno.EPERM: "give this user the right to write there",
}
_TOO_LONG = "choose a shorter path or name, or switch long paths on (docs/windows.md)"
_HELD = "close the program that has it open"
# By the codes of Windows, of which Python makes EACCES, ENOENT and EINVAL.
_WINDOWS_REMEDIES = {
    19: "let the disk be written to, or choose another folder",
    32: _HELD,
    33: _HELD,
    39: "free space on its disk",
    112: "free space on its disk",
    206: _TOO_LONG,
}
# The wait for what may as well stay.
_DISCARD_WAIT_S = 5.0
# MAX_PATH without its end and the signs of a temporary file's name.
_LONGEST_NAMED = 245
STATE_DIR = ".orch"
"""The folder of ORCH_HOME that holds the embedded store, the snapshot and Dagster's instance."""


def real_path(path: Path) -> Path:
    """Return the absolute path of a file or folder, past links; a drive of Windows stays.

    A drive that stands for a server's folder would become that folder's own path, which neither
    cmd takes for a working folder nor Hadoop for a path.
    """
    return on_given_drive(Path(os.path.normpath(path.absolute())), path.resolve())


def on_given_drive(given: _Path, real: _Path) -> _Path:
    r"""Return the real path, or the given one if that names another drive.

    >>> from pathlib import PureWindowsPath as Windows
    >>> print(on_given_drive(Windows(r"Z:\home"), Windows(r"\\server\share\home")))
    Z:\home
    >>> print(on_given_drive(Windows(r"c:\link"), Windows(r"C:\home")))
    C:\home
    """
    return real if real.drive.lower() == given.drive.lower() else given


def first_file(folders: Iterable[Path], name: str) -> Path | None:
    """Return the file of that path in the first of the folders that has it.

    A relative path that was written on Windows, with backslashes, is the same file elsewhere.
    """
    path = Path(name) if Path(name).is_absolute() else Path(portable(name))
    return next((each / path for each in folders if (each / path).is_file()), None)


def make_private(folder: Path) -> None:
    """Create a folder for its owner alone, whatever the umask; one that is there stays as it is.

    Missing folders above it are created too; those from STATE_DIR on are private as well.
    """
    if folder.is_dir():
        return
    if STATE_DIR in folder.parent.parts:
        make_private(folder.parent)
    else:
        folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)


def create_private(file: Path) -> None:
    """Create an empty file for its owner alone, whatever the umask, unless it is there.

    Where it can't be created nothing happens: what opens it next says why.
    """
    make_private(file.parent)
    with suppress(OSError):
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def write_atomically(path: Path, text: str) -> None:
    """Write a file whole or not at all, readable by its owner only on systems with modes.

    Raises:
        OSError: If it can't be written; the error has its path.
    """
    make_private(path.parent)
    # mkstemp makes the file with mode 0600.
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        put_in_place(Path(temporary), path)
    except BaseException as error:
        discard(Path(temporary))
        if isinstance(error, OSError):
            # A failed write names no file, and the temporary one is gone.
            error.filename = str(path)
        raise


def put_in_place(source: Path, target: Path) -> None:
    """Rename a file or folder to `target`, over a file that is there.

    Windows refuses that while a program has one open: a reader, or a scanner that looks at what was
    just written. It is waited for.

    Raises:
        OSError: If it can't be renamed.
    """
    Patience().carry_out(lambda: source.replace(target), str(target))


def remove_file(path: Path) -> None:
    """Remove a file, if it is there; wait for a program that has it open, as `put_in_place` does.

    Raises:
        OSError: If it can't be removed.
    """
    Patience().carry_out(lambda: path.unlink(missing_ok=True), str(path))


def remove_or_warn(file: Path, warn: Callable[[str], object]) -> None:
    """Remove a file that may hold secrets, if it is there; warn if that can't be done.

    For the end of a block whose outcome is known: an error would take its place.
    """
    try:
        remove_file(file)
    except OSError as error:
        warn(f"{file} may hold secrets and can't be removed ({os_fault(error)}): delete it")


def discard(path: Path) -> None:
    """Remove a file or folder that nobody needs; leave what another program keeps.

    For the end of a block, whose outcome an error would hide: on Windows a scanner, or a JVM that
    dies, has files open, and is waited for, but not for long.
    """
    patience = Patience(limit_s=_DISCARD_WAIT_S)
    with suppress(OSError):
        patience.carry_out(lambda: remove_path(path), str(path))


@contextmanager
def scratch_folder(parent: Path | None, prefix: str) -> Generator[Path]:
    """Yield a new folder for its owner alone, which is discarded at the end of the block.

    What can't be discarded then, or is left by a kill, goes with a later call of this prefix.

    Args:
        parent: The folder above; None for the one of temporary files.
        prefix: The start of its name.
    """
    folder = OwnedFolder(parent, prefix)
    try:
        yield folder.path
    finally:
        discard(folder.path)
        folder.release()


def remove_path(path: Path) -> None:
    """Remove a file, if it is there, a link, or a folder with all in it.

    Raises:
        OSError: If it can't be removed.
    """
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_fault(folder: Path) -> str | None:
    """Return why nothing can be written in a folder, with the remedy; None if something can.

    Args:
        folder: An absolute path; of a folder that is missing, the nearest one above is tried.
    """
    existing = next(each for each in (folder, *folder.parents) if each.is_dir())
    try:
        with tempfile.TemporaryFile(dir=existing, prefix=".orch-probe-") as probe:
            probe.write(_PROBE)
            probe.flush()
    except OSError as error:
        return f"nothing can be written in {existing}: {os_fault(error)}"
    return None


def storage_fault(error: BaseException, folder: Path) -> str:
    """Return in one sentence why Dagster's storage can't be used.

    Args:
        error: An error of its database or its files.
        folder: Dagster's home.
    """
    cause = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
    fault = write_fault(folder) or "look whether its files are there and may be written"
    return f"Dagster's storage ({folder}) can't be used: {cause}; {fault}"


def fault_text(error: Exception) -> str:
    """Return what an error says; that of the system with its path and its remedy."""
    return os_fault(error) if isinstance(error, OSError) else str(error)


def os_fault(error: OSError, platform: str = sys.platform) -> str:
    """Return an error of the system in one sentence, with its path and its remedy.

    >>> os_fault(FileNotFoundError(2, "No such file", "C:/" + "a" * 260), "win32")[-31:]
    'long paths on (docs/windows.md)'

    Args:
        error: The error.
        platform: As sys.platform has it. Windows says of too long a path that it is missing.
    """
    cause = error.strerror or str(error)
    path = error.filename if isinstance(error.filename, str) else ""
    where = f"{path}: " if path else ""
    remedy = _WINDOWS_REMEDIES.get(getattr(error, "winerror", None) or 0)
    if platform == "win32" and error.errno == errno.ENOENT and len(path) > _LONGEST_NAMED:
        remedy = _TOO_LONG
    remedy = remedy or _REMEDIES.get(error.errno or 0)
    return f"{where}{cause}; {remedy}" if remedy else f"{where}{cause}"
