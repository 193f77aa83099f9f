"""Identify a process by host, pid and start time, as pids are reused."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# On Linux a start is relative to the boot time, which each reader rounds for itself.
START_TOLERANCE_S = 2.0


@dataclass(frozen=True)
class ProcessInfo:
    """A process that exists.

    Attributes:
        started_ms: When it started, since 1970; None if the system denies access to it.
        kernel_started_s: The start as the kernel keeps it: on Linux since the boot, so that
            changes of the clock do not move it; elsewhere since 1970.
    """

    started_ms: int | None
    kernel_started_s: float | None = None


ProcessProbe = Callable[[int], "ProcessInfo | None"]
"""Takes a pid of this host and returns the process, None if none runs."""


def psutil_probe(psutil: Any) -> ProcessProbe:
    """Return a probe that asks psutil.

    Args:
        psutil: The module, passed in because the contract must work without it.
    """

    def probe(pid: int) -> ProcessInfo | None:
        try:
            process = psutil.Process(pid)
            if process.status() == psutil.STATUS_ZOMBIE:
                return None
            started_s: float = process.create_time()
        except psutil.NoSuchProcess:
            return None
        except psutil.AccessDenied:
            return ProcessInfo(None)
        # psutil derives the time of day from the current clock on each call.
        boot_s: float = psutil.boot_time() if sys.platform == "linux" else 0.0
        return ProcessInfo(int(started_s * 1000), started_s - boot_s)

    return probe


def is_same_start(one_s: float | None, other_s: float | None) -> bool:
    """Return whether two start times belong to one process; unknown ones count as equal.

    >>> is_same_start(100.0, 101.5), is_same_start(100.0, 103.0), is_same_start(100.0, None)
    (True, False, True)
    """
    if one_s is None or other_s is None:
        return True
    return abs(one_s - other_s) <= START_TOLERANCE_S


def is_zombie(pid: int) -> bool:
    """Return whether a process has ended and its parent has not reaped it.

    Java reports such a process as alive, and in a container whose first process does not reap it
    remains for ever.
    """
    try:
        # The name, in parentheses, may hold anything; the state comes after it.
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        # Not on Linux, or just ended.
        return False
    return fields[:1] in ([b"Z"], [b"X"])
