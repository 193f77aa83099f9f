"""Identify this process, and check whether another still runs, on every platform.

The standard library can't check that everywhere (on Windows `os.kill(pid, 0)` ends the process),
but the driver's JVM can. Without a JVM, psutil does.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from framework.contract import process_identity
from framework.contract.process_identity import (
    ProcessInfo,
    ProcessProbe,
    is_same_start,
    is_zombie,
)

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass(frozen=True)
class LockOwner:
    """A landing's process, as its journal names it."""

    run_id: str
    host: str
    pid: int
    started_ms: int | None
    application_id: str | None = None

    def same_process(self, other: LockOwner) -> bool:
        """Return whether both are one process; unknown start times count as equal."""
        return (self.host, self.pid) == (other.host, other.pid) and _is_same_start_ms(
            self.started_ms, other.started_ms
        )

    def is_running(self, probe: ProcessProbe) -> bool:
        """Return whether the process still runs; call it on the owner's host only."""
        process = probe(self.pid)
        return process is not None and _is_same_start_ms(self.started_ms, process.started_ms)

    def __str__(self) -> str:
        where = f"run {self.run_id}, process {self.pid} on {self.host}"
        return f"{where}, application {self.application_id}" if self.application_id else where


def this_process(run_id: str, probe: ProcessProbe, application_id: str | None = None) -> LockOwner:
    """Return this process as the owner of a landing."""
    process = probe(os.getpid())
    started_ms = process.started_ms if process else None
    return LockOwner(run_id, socket.gethostname(), os.getpid(), started_ms, application_id)


def jvm_probe(spark: SparkSession) -> ProcessProbe:
    """Return a probe that asks the driver's JVM (java.lang.ProcessHandle)."""
    context: Any = spark.sparkContext
    handles: Any = context._jvm.java.lang.ProcessHandle

    def probe(pid: int) -> ProcessInfo | None:
        handle = handles.of(pid)
        if not handle.isPresent() or not handle.get().isAlive() or is_zombie(pid):
            return None
        started = handle.get().info().startInstant()
        return ProcessInfo(int(started.get().toEpochMilli()) if started.isPresent() else None)

    return probe


def psutil_probe(pid: int) -> ProcessInfo | None:
    """Ask psutil for a process of this host."""
    import psutil

    return process_identity.psutil_probe(psutil)(pid)


def _is_same_start_ms(one_ms: int | None, other_ms: int | None) -> bool:
    one_s, other_s = (None if ms is None else ms / 1000 for ms in (one_ms, other_ms))
    return is_same_start(one_s, other_s)
