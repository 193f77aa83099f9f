"""Identify this process, and check whether another still runs, on every platform.

On Linux the kernel tells. Elsewhere the standard library can't check that (on Windows
`os.kill(pid, 0)` ends the process), but the driver's JVM can; without a JVM, psutil does.
"""

from __future__ import annotations

import os
import secrets
import socket
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from framework.contract import process_identity
from framework.contract.process_identity import (
    PidSpace,
    ProcessInfo,
    ProcessProbe,
    Reach,
    is_same_start,
    is_zombie,
    linux_probe,
    reach,
    this_pid_space,
)

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_TOKEN_BYTES = 8


@dataclass(frozen=True)
class LockOwner:
    """A landing's process, as its journal names it.

    Attributes:
        run_id: The landing's run.
        host: The process's host.
        pid: Its pid there.
        started_ms: When it started, by the clock of that time; None if unknown.
        application_id: Its Spark application.
        started_ticks: When it started, in ticks since the boot; None but on Linux.
        boot_id: The boot that the ticks are counted from; None but on Linux.
        namespace: The namespace that the pid belongs to; None but on Linux.
        machine: A hash of the machine's id, if it has one; None but on Linux.
        token: A random text that only this landing has; None if an older version wrote it.
    """

    run_id: str
    host: str
    pid: int
    started_ms: int | None
    application_id: str | None = None
    started_ticks: int | None = None
    boot_id: str | None = None
    namespace: str | None = None
    machine: str | None = None
    token: str | None = None

    def with_token(self) -> LockOwner:
        """Return this process as the owner of one more landing."""
        return replace(self, token=secrets.token_hex(_TOKEN_BYTES))

    def same_process(self, other: LockOwner) -> bool:
        """Return whether both are one process; unknown start times count as equal."""
        return (
            (self.host, self.pid) == (other.host, other.pid)
            and (self._space is None or other._space is None or self._space == other._space)
            and self._is_start(other.started_ticks, other.started_ms)
        )

    def reach_from(self, other: LockOwner) -> Reach:
        """Tell whether the process can be looked up by its pid where `other` runs."""
        return reach(self.host, self._space, other.host, other._space)

    def is_running(self, probe: ProcessProbe) -> bool:
        """Return whether the process still runs; call it only where it can be looked up."""
        process = probe(self.pid)
        return process is not None and self._is_start(process.started_ticks, process.started_ms)

    @property
    def _space(self) -> PidSpace | None:
        if self.boot_id is None or self.namespace is None:
            return None
        return PidSpace(self.boot_id, self.namespace, self.machine)

    def _is_start(self, ticks: int | None, ms: int | None) -> bool:
        if ticks is not None and self.started_ticks is not None:
            return ticks == self.started_ticks
        one_s, other_s = (None if each is None else each / 1000 for each in (self.started_ms, ms))
        return is_same_start(one_s, other_s)

    def __str__(self) -> str:
        where = f"run {self.run_id}, process {self.pid} on {self.host}"
        return f"{where}, application {self.application_id}" if self.application_id else where


def this_process(run_id: str, probe: ProcessProbe, application_id: str | None = None) -> LockOwner:
    """Return this process as the owner of a landing."""
    process = probe(os.getpid())
    space = this_pid_space()
    return LockOwner(
        run_id,
        socket.gethostname(),
        os.getpid(),
        process.started_ms if process else None,
        application_id,
        process.started_ticks if process else None,
        space.boot_id if space else None,
        space.namespace if space else None,
        space.machine if space else None,
    )


def jvm_probe(spark: SparkSession) -> ProcessProbe:
    """Return a probe that asks Linux itself, or elsewhere the JVM (java.lang.ProcessHandle)."""
    if sys.platform == "linux":
        return linux_probe
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
    """Look for a process of this host without a JVM."""
    if sys.platform == "linux":
        return linux_probe(pid)
    import psutil

    return process_identity.psutil_probe(psutil)(pid)
