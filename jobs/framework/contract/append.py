"""Open a file so that each write is appended whole, even while other processes write to it."""

from __future__ import annotations

import os
import sys

if sys.platform == "win32":
    import ctypes
    import msvcrt

    _FILE_APPEND_DATA = 0x0004
    _SYNCHRONIZE = 0x00100000
    _SHARE_READ_WRITE_DELETE = 0x7
    _OPEN_ALWAYS = 4
    _ATTRIBUTE_NORMAL = 0x80
    _INVALID_HANDLE = ctypes.c_void_p(-1).value

    def open_append(path: str) -> int:
        """Open `path` for appending and return its descriptor.

        The C runtime's O_APPEND seeks and then writes, so two processes may overwrite one
        another; a handle with FILE_APPEND_DATA alone makes the system append atomically.

        Raises:
            OSError: If the file can't be opened.
        """
        create = ctypes.WinDLL("kernel32", use_last_error=True).CreateFileW
        create.restype = ctypes.c_void_p
        handle = create(
            ctypes.c_wchar_p(path),
            _FILE_APPEND_DATA | _SYNCHRONIZE,
            _SHARE_READ_WRITE_DELETE,
            None,
            _OPEN_ALWAYS,
            _ATTRIBUTE_NORMAL,
            None,
        )
        if handle is None or handle == _INVALID_HANDLE:
            raise ctypes.WinError(ctypes.get_last_error())
        return msvcrt.open_osfhandle(handle, os.O_BINARY | os.O_WRONLY)

else:

    def open_append(path: str) -> int:
        """Open `path` for appending, created for its owner alone, and return its descriptor.

        Raises:
            OSError: If the file can't be opened.
        """
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)


def is_full(descriptor: int, max_bytes: int) -> bool:
    """Return whether a file has reached its largest size; 0 stands for no limit."""
    return max_bytes > 0 and os.fstat(descriptor).st_size >= max_bytes


def write_all(descriptor: int, data: bytes) -> None:
    """Write `data` by one system call; only a short write (disk nearly full) needs another.

    Raises:
        OSError: If the write fails.
    """
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
