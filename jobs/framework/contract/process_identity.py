"""Identify a process for good: by host, boot, namespace, pid and start, as pids are reused.

On Linux a start is counted in ticks since the boot, which no step of the clock moves, and a pid
means a process only within a boot and a namespace of pids. Elsewhere the system keeps the time of a
start as it was.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

# On Linux a time of day is relative to the boot time, which each reader rounds for itself.
START_TOLERANCE_S = 2.0

# The kernel gives the first namespace of pids, that of the machine itself, always this number.
_MACHINE_NAMESPACE = "pid:[4026531836]"


@dataclass(frozen=True)
class PidSpace:
    """The boot and namespace in which a pid and the ticks of a start mean one process (Linux only).

    Attributes:
        boot_id: The kernel's id of its boot.
        namespace: The namespaces of pids and, where the kernel has them, of time.
        machine: A hash of the machine's id; None if it has none.
    """

    boot_id: str
    namespace: str
    machine: str | None = None

    @property
    def is_of_machine(self) -> bool:
        """Return whether the namespace is the machine's own, not a container's."""
        return _MACHINE_NAMESPACE in self.namespace.split()


@dataclass(frozen=True)
class ProcessInfo:
    """A process that exists.

    Attributes:
        started_ms: When it started, since 1970; None if the system denies access to it.
        kernel_started_s: The start as the kernel keeps it: on Linux since the boot, so that
            changes of the clock do not move it; elsewhere since 1970.
        started_ticks: The start in the kernel's ticks since the boot, exact; Linux only.
    """

    started_ms: int | None
    kernel_started_s: float | None = None
    started_ticks: int | None = None


ProcessProbe = Callable[[int], "ProcessInfo | None"]
"""Takes a pid of this host and returns the process, None if none runs."""

Reach = Literal["here", "ended", "unknown"]
"""here: a pid can be looked up; ended: the machine was booted since; unknown: neither."""


@lru_cache(maxsize=1)
def this_pid_space() -> PidSpace | None:
    """Return where the pids of this process belong; None if the platform does not tell."""
    if sys.platform != "linux":
        return None
    try:
        boot_id = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        # Ticks are counted from the start of a namespace of time; older kernels have only one.
        links = (Path("/proc/self/ns") / kind for kind in ("pid", "time"))
        namespaces = [str(link.readlink()) for link in links if link.is_symlink()]
    except OSError:
        return None
    return PidSpace(boot_id, " ".join(namespaces), _machine()) if namespaces else None


def reach(host: str, space: PidSpace | None, my_host: str, my_space: PidSpace | None) -> Reach:
    """Tell whether a process can be looked up by its pid from here.

    Args:
        host: The process's host name.
        space: Where its pid belongs; None if an older version or another platform wrote it down.
        my_host: This host's name.
        my_space: Where the pids of this process belong.
    """
    if host != my_host:
        return "unknown"
    if space is None:
        return "here"
    if my_space is None:
        return "unknown"
    if space.boot_id == my_space.boot_id:
        return "here" if space.namespace == my_space.namespace else "unknown"
    # Containers, and machines of another id, may run side by side under one name.
    is_one_machine = (
        space.is_of_machine and my_space.is_of_machine and space.machine == my_space.machine
    )
    return "ended" if is_one_machine else "unknown"


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
        if sys.platform != "linux":
            return ProcessInfo(int(started_s * 1000), started_s)
        # psutil derives the time of day from the current clock on each call.
        ticks = _started_ticks(_stat(pid))
        since_boot_s = (
            started_s - psutil.boot_time() if ticks is None else ticks / _ticks_a_second()
        )
        return ProcessInfo(int(started_s * 1000), since_boot_s, ticks)

    return probe


def linux_probe(pid: int) -> ProcessInfo | None:
    """Ask the kernel for a process of this process's namespace; Linux only."""
    stat = _stat(pid)
    if stat is None:
        # /proc may be another namespace's, or hide the processes of other users.
        return ProcessInfo(None) if _exists(pid) else None
    if stat[:1] in ([b"Z"], [b"X"]):
        return None
    ticks = _started_ticks(stat)
    if ticks is None:
        return ProcessInfo(None)
    since_boot_s = ticks / _ticks_a_second()
    return ProcessInfo(int((_boot_time_s() + since_boot_s) * 1000), since_boot_s, ticks)


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
    # Not on Linux, or just ended, there is nothing to read.
    return (_read_stat(pid) or [])[:1] in ([b"Z"], [b"X"])


def _machine() -> str | None:
    """Return a hash of systemd's id of the machine, which is not to be shown as it is."""
    try:
        machine_id = Path("/etc/machine-id").read_bytes().strip()
    except OSError:
        return None
    return hashlib.sha256(b"orch " + machine_id).hexdigest()[:16] if machine_id else None


def _stat(pid: int) -> list[bytes] | None:
    """Return the kernel's facts of a process of this namespace, None if /proc does not tell."""
    try:
        if str(Path("/proc/self").readlink()) != str(os.getpid()):
            return None
    except OSError:
        return None
    return _read_stat(pid)


def _read_stat(pid: int) -> list[bytes] | None:
    try:
        # The name, in parentheses, may hold anything; the state comes after it.
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None


def _started_ticks(stat: list[bytes] | None) -> int | None:
    # The 22nd of all fields, of which the state is the third.
    return int(stat[19]) if stat and len(stat) > 19 else None


def _ticks_a_second() -> int:
    return os.sysconf("SC_CLK_TCK")


def _boot_time_s() -> int:
    for line in Path("/proc/stat").read_bytes().splitlines():
        if line.startswith(b"btime "):
            return int(line.split()[1])
    raise OSError("/proc/stat does not tell when the machine was booted")


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
