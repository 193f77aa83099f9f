"""The surroundings of a supervised command on Windows: a Job Object, a code page, a folder.

supervisor.py loads it on Windows alone; it uses the standard library only.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
import time
from pathlib import Path
from typing import Any

_KILL_ON_JOB_CLOSE = 0x2000
_EXTENDED_LIMITS, _PROCESS_IDS = 9, 3
# The rights to terminate a process and to wait for its end.
_TERMINATE_AND_WAIT = 0x100001
_EACH_WAIT_MS = 1000
# Spark's scripts name a file in the folder for temporary files without quotes.
_READ_UNQUOTED = re.compile(r"[ &|<>^()%!,;=]")
_LONGEST_PATH = 32768


def enter() -> int:
    """Put this process, and so all that it starts, into a job that is killed when it ends.

    Return the job's handle, the only one, which is not inherited: however the process ends,
    Windows closes the handle and kills the job. This needs Windows 8 or newer, where a process of
    a job may enter a nested one.

    Raises:
        OSError: If the job can't be set up.
    """
    kernel = _kernel()
    job = kernel.CreateJobObjectW(None, None)
    limits = _ExtendedLimits()
    limits.basic.limit_flags = _KILL_ON_JOB_CLOSE
    size = ctypes.sizeof(limits)
    done = (
        job
        and kernel.SetInformationJobObject(job, _EXTENDED_LIMITS, ctypes.byref(limits), size)
        and kernel.AssignProcessToJobObject(job, kernel.GetCurrentProcess())
    )
    if not done:
        code = ctypes.get_last_error()  # pyright: ignore
        raise OSError(errno.EPERM, f"no Windows Job Object could be set up (error {code})")
    return int(job)


def end_others(job: int, limit_s: float) -> list[int]:
    """End the job's other processes; return those that are left after that time."""
    kernel = _kernel()
    kill_until = time.monotonic() + limit_s
    while True:
        others = [pid for pid in _processes(kernel, job) if pid != os.getpid()]
        if not others or time.monotonic() > kill_until:
            return others
        for pid in others:
            # A process that is gone has no handle.
            if handle := kernel.OpenProcess(_TERMINATE_AND_WAIT, False, pid):
                kernel.TerminateProcess(handle, 1)
                kernel.WaitForSingleObject(handle, _EACH_WAIT_MS)
                kernel.CloseHandle(handle)


def use_temporary_folder(folder: Path, program: str) -> None:
    """Name to the command the folder for its temporary files, which is its own.

    Spark's scripts pass a command on in a file of %TEMP% that they name by cmd's %RANDOM%, which
    is the same for two that start in one second: each would run the other's command.

    Raises:
        ValueError: If the program is a script of cmd, which can't read the folder's name.
    """
    named = str(folder)
    if _READ_UNQUOTED.search(named):
        named = _short(named)
    is_script = program.lower().endswith((".cmd", ".bat"))
    if is_script and (special := _READ_UNQUOTED.search(named)):
        raise ValueError(
            f"TEMP is {folder.parent}, whose {special.group()!r} Spark's scripts can't read: set "
            "TEMP to a folder without (PowerShell: $env:TEMP = 'C:\\temp'; for good: setx TEMP "
            "C:\\temp)"
        )
    os.environ["TEMP"] = os.environ["TMP"] = named


def use_code_page_of_java() -> None:
    """Let cmd read a file as Java writes it, as Spark's scripts take the job's command from one.

    It is the code page of this process's console, which nobody else has.
    """
    kernel = _kernel()
    kernel.SetConsoleOutputCP(kernel.GetACP())
    kernel.SetConsoleCP(kernel.GetACP())


def _short(path: str) -> str:
    """Return a path in its short form of 8.3 names, where the disk keeps these."""
    kernel = _kernel()
    buffer = ctypes.create_unicode_buffer(_LONGEST_PATH)
    length = kernel.GetShortPathNameW(path, buffer, _LONGEST_PATH)
    return buffer.value if length else path


def _processes(kernel: Any, job: int) -> list[int]:
    ids = _ProcessIds()
    size = ctypes.sizeof(ids)
    kernel.QueryInformationJobObject(job, _PROCESS_IDS, ctypes.byref(ids), size, None)
    return list(ids.ids[: ids.listed])


def _kernel() -> Any:
    kernel = ctypes.WinDLL("kernel32", use_last_error=True)  # pyright: ignore
    handle, number = ctypes.c_void_p, ctypes.c_uint32
    for name in ("CreateJobObjectW", "GetCurrentProcess", "OpenProcess"):
        getattr(kernel, name).restype = handle
    for name, types in (
        ("CreateJobObjectW", (ctypes.c_void_p, ctypes.c_wchar_p)),
        ("SetInformationJobObject", (handle, ctypes.c_int, ctypes.c_void_p, number)),
        ("QueryInformationJobObject", (handle, ctypes.c_int, ctypes.c_void_p, number, handle)),
        ("AssignProcessToJobObject", (handle, handle)),
        ("TerminateProcess", (handle, number)),
        ("WaitForSingleObject", (handle, number)),
        ("CloseHandle", (handle,)),
        ("GetShortPathNameW", (ctypes.c_wchar_p, ctypes.c_wchar_p, number)),
    ):
        getattr(kernel, name).argtypes = types
    return kernel


class _BasicLimits(ctypes.Structure):
    """The structure JOBOBJECT_BASIC_LIMIT_INFORMATION."""

    _fields_ = (
        ("per_process_user_time_limit", ctypes.c_int64),
        ("per_job_user_time_limit", ctypes.c_int64),
        ("limit_flags", ctypes.c_uint32),
        ("minimum_working_set_size", ctypes.c_size_t),
        ("maximum_working_set_size", ctypes.c_size_t),
        ("active_process_limit", ctypes.c_uint32),
        ("affinity", ctypes.c_size_t),
        ("priority_class", ctypes.c_uint32),
        ("scheduling_class", ctypes.c_uint32),
    )


class _ProcessIds(ctypes.Structure):
    """The structure JOBOBJECT_BASIC_PROCESS_ID_LIST, with room for so many."""

    _fields_ = (
        ("assigned", ctypes.c_uint32),
        ("listed", ctypes.c_uint32),
        ("ids", ctypes.c_size_t * 1024),
    )


class _ExtendedLimits(ctypes.Structure):
    """The structure JOBOBJECT_EXTENDED_LIMIT_INFORMATION."""

    _fields_ = (
        ("basic", _BasicLimits),
        ("io_counters", ctypes.c_uint64 * 6),
        ("process_memory_limit", ctypes.c_size_t),
        ("job_memory_limit", ctypes.c_size_t),
        ("peak_process_memory_used", ctypes.c_size_t),
        ("peak_job_memory_used", ctypes.c_size_t),
    )
