"""Who we are, and whether another process is still there, on every platform.

The standard library can't ask that everywhere (on Windows `os.kill(pid, 0)` ends the process),
the driver's JVM can. Whoever has no JVM uses psutil, where that is installed.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# Linux derives a start time from the boot time, which each reader rounds for itself.
START_TOLERANCE_MS = 2_000


@dataclass(frozen=True)
class Sighting:
    """A process that exists; `started_ms` (since 1970) is None where the system won't tell."""

    started_ms: int | None


Look = Callable[[int], Sighting | None]
"""Takes a pid of this host and returns what is seen there, None where nothing runs."""


@dataclass(frozen=True)
class Owner:
    """A landing's process, as its journal names it."""

    run_id: str
    host: str
    pid: int
    started_ms: int | None
    application_id: str | None = None

    def same_process(self, other: Owner) -> bool:
        """Whether both are one process; unknown start times count as equal."""
        return (self.host, self.pid) == (other.host, other.pid) and _same_start(
            self.started_ms, other.started_ms
        )

    def is_running(self, look: Look) -> bool:
        """Whether the process still runs; call it on the owner's host only."""
        seen = look(self.pid)
        return seen is not None and _same_start(self.started_ms, seen.started_ms)

    def __str__(self) -> str:
        where = f"run {self.run_id}, process {self.pid} on {self.host}"
        return f"{where}, application {self.application_id}" if self.application_id else where


def this_process(run_id: str, look: Look, application_id: str | None = None) -> Owner:
    """Return this process as the owner of a landing."""
    seen = look(os.getpid())
    started_ms = seen.started_ms if seen else None
    return Owner(run_id, socket.gethostname(), os.getpid(), started_ms, application_id)


def jvm_look(spark: SparkSession) -> Look:
    """Return a Look that asks the driver's JVM (java.lang.ProcessHandle)."""
    context: Any = spark.sparkContext
    handles: Any = context._jvm.java.lang.ProcessHandle

    def look(pid: int) -> Sighting | None:
        found = handles.of(pid)
        if not found.isPresent() or not found.get().isAlive() or _is_zombie(pid):
            return None
        started = found.get().info().startInstant()
        return Sighting(int(started.get().toEpochMilli()) if started.isPresent() else None)

    return look


def psutil_look(pid: int) -> Sighting | None:
    """A Look that asks psutil."""
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return Sighting(int(process.create_time() * 1000))
    except psutil.NoSuchProcess:
        return None
    except psutil.AccessDenied:
        return Sighting(None)


def _is_zombie(pid: int) -> bool:
    """Whether it has ended and only its parent has not asked how; Java takes that for alive.

    In a container whose first process reaps nobody it stays so for ever.
    """
    try:
        # The name, in parentheses, may hold anything; the state comes after it.
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        # No Linux, or just gone.
        return False
    return fields[:1] in ([b"Z"], [b"X"])


def _same_start(one_ms: int | None, other_ms: int | None) -> bool:
    if one_ms is None or other_ms is None:
        return True
    return abs(one_ms - other_ms) <= START_TOLERANCE_MS
