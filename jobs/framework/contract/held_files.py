"""Wait for files that another program has open, which Windows lets nobody rename or delete."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

_Result = TypeVar("_Result")

_ACCESS_DENIED, _SHARING_VIOLATION, _LOCK_VIOLATION, _DIR_NOT_EMPTY = 5, 32, 33, 145
# Not empty: a file that was deleted stays until its last reader closes it. Access denied: a file
# below a folder is open, one was deleted so, or a right is missing.
_MAY_PASS = (_ACCESS_DENIED, _SHARING_VIOLATION, _LOCK_VIOLATION, _DIR_NOT_EMPTY)
_SURELY_HELD = (_SHARING_VIOLATION, _LOCK_VIOLATION)


class HeldOpenError(OSError):
    """Another program has a file open; nothing of the change was done."""

    def __init__(self, path: str, limit_s: float) -> None:
        # Without a code: a missing right and a full disk have other remedies.
        super().__init__(f"{path} is open in another program (waited for {limit_s:g} s)")


def _say_nothing(_: str) -> None:
    """Let a wait pass without a word."""


@dataclass(frozen=True)
class Patience:
    """The time that a change waits for files that others have open; only Windows refuses it.

    Attributes:
        limit_s: The longest wait.
        pause_s: The time between two attempts.
        on_wait: Receives the path, once, if the change has to wait.
    """

    limit_s: float = 30.0
    pause_s: float = 0.1
    on_wait: Callable[[str], None] = _say_nothing

    def carry_out(self, change: Callable[[], _Result], path: str) -> _Result:
        """Carry out a change of `path` that may be repeated; return its result.

        Raises:
            HeldOpenError: If another program has a file open to the end of the wait.
            OSError: If the change failed for another reason.
        """
        deadline_s: float | None = None
        while True:
            try:
                return change()
            except OSError as error:
                code = _code(error)
                if code not in _MAY_PASS:
                    raise
                if deadline_s is None:
                    deadline_s = time.monotonic() + self.limit_s
                    self.on_wait(_shown(path))
                elif time.monotonic() >= deadline_s:
                    held = open_elsewhere(path)
                    if held is None and code not in _SURELY_HELD:
                        raise
                    named = _shown(held or error.filename or path)
                    raise HeldOpenError(named, self.limit_s) from error
            time.sleep(self.pause_s)


def _code(error: OSError) -> int | None:
    """Return Windows' code of an error, None elsewhere."""
    code: int | None = getattr(error, "winerror", None)
    if code is None and sys.platform == "win32" and error.errno == errno.EACCES:
        # Of C's own open, which tells no more.
        return _ACCESS_DENIED
    return code


def open_elsewhere(path: str) -> str | None:
    """Return the first file at or below `path` that a process has open; None elsewhere."""
    return next((file for file in _files(path) if _is_open(file)), None)


def _files(path: str) -> Iterator[str]:
    if Path(path).is_file():
        yield path
    for folder, _, names in os.walk(path):
        for name in names:
            # Not by a slash, which a long form of Windows does not have.
            yield str(Path(folder, name))


def _shown(path: str) -> str:
    """Return a path as it is shown: not in the long form of Windows."""
    return str(Path(path)).removeprefix("\\\\?\\")


if sys.platform == "win32":
    import ctypes

    _READ = 0x80000000
    _OPEN_EXISTING = 3
    _INVALID_HANDLE = ctypes.c_void_p(-1).value

    def _is_open(file: str) -> bool:
        """Return whether the file can't be had alone, as another handle to it is open."""
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.CreateFileW.restype = ctypes.c_void_p
        handle = kernel.CreateFileW(ctypes.c_wchar_p(file), _READ, 0, None, _OPEN_EXISTING, 0, None)
        if handle is None or handle == _INVALID_HANDLE:
            return ctypes.get_last_error() == _SHARING_VIOLATION
        kernel.CloseHandle(ctypes.c_void_p(handle))
        return False

else:

    def _is_open(file: str) -> bool:  # noqa: ARG001
        """Return False: nothing else than Windows refuses a change of an open file."""
        return False
