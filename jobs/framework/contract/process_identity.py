"""Which process a host and a pid mean: a pid is used again, so its start time belongs to it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Linux gives a start in ticks since the boot, and derives the time of day from the boot time, which
# each reader rounds for itself.
START_TOLERANCE_S = 2.0


@dataclass(frozen=True)
class ProcessInfo:
    """A process that exists.

    Attributes:
        started_ms: When it started, since 1970; None where the system won't tell.
        kernel_started_s: The same as the kernel keeps it: on Linux since the boot, so that no
            change of the clock moves it; elsewhere since 1970.
    """

    started_ms: int | None
    kernel_started_s: float | None = None


ProcessProbe = Callable[[int], "ProcessInfo | None"]
"""Takes a pid of this host and returns the process, None where none runs."""


def psutil_probe(psutil: Any) -> ProcessProbe:
    """Return a probe that asks psutil.

    Args:
        psutil: The module; who imports the contract need not have it.
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
        # psutil works the time of day out anew each time, from the clock as it is now.
        boot_s: float = psutil.boot_time() if sys.platform == "linux" else 0.0
        return ProcessInfo(int(started_s * 1000), started_s - boot_s)

    return probe


def is_same_start(one_s: float | None, other_s: float | None) -> bool:
    """Return whether two start times are those of one process; unknown ones count as equal.

    >>> is_same_start(100.0, 101.5), is_same_start(100.0, 103.0), is_same_start(100.0, None)
    (True, False, True)
    """
    if one_s is None or other_s is None:
        return True
    return abs(one_s - other_s) <= START_TOLERANCE_S


def is_zombie(pid: int) -> bool:
    """Return whether a process has ended and its parent has not asked how.

    Java takes such a process for alive, and in a container whose first process reaps nobody it
    stays so for ever.
    """
    try:
        # The name, in parentheses, may hold anything; the state comes after it.
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        # No Linux, or just gone.
        return False
    return fields[:1] in ([b"Z"], [b"X"])
