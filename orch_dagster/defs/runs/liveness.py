"""The process of a run, named by the run's tags, and whether it is gone.

A process of this host is looked up by its pid; one of another host is judged by its heartbeat.
"""

from __future__ import annotations

import math
import os
import socket
import time
from collections.abc import Mapping

from framework.contract.process_identity import ProcessInfo, is_same_start, psutil_probe
from orch_dagster.errors import OrchError

HOST_TAG = "orch/host"
PID_TAG = "orch/pid"
PID_STARTED_TAG = "orch/pid_started"
HEARTBEAT_TAG = "orch/heartbeat"
HEARTBEAT_S = 30.0


def process_tags() -> dict[str, str]:
    """Return run tags that identify this process, also after its pid is used again."""
    pid = os.getpid()
    return {
        HOST_TAG: socket.gethostname(),
        PID_TAG: str(pid),
        PID_STARTED_TAG: f"{_started_s(pid):.2f}",
        **heartbeat_tags(),
    }


def heartbeat_tags() -> dict[str, str]:
    """Return the tag of a heartbeat now, in seconds since 1970."""
    return {HEARTBEAT_TAG: f"{time.time():.0f}"}


def is_process_gone(tags: Mapping[str, str], heartbeat_timeout_s: float = math.inf) -> bool:
    """Tell whether the process that the tags name is gone; False if they name none.

    Args:
        tags: The run's tags.
        heartbeat_timeout_s: Seconds without a heartbeat after which a process of another host
            counts as gone; by default it never does.
    """
    if PID_TAG not in tags:
        return False
    if tags.get(HOST_TAG) != socket.gethostname():
        return (
            HEARTBEAT_TAG in tags and time.time() - float(tags[HEARTBEAT_TAG]) > heartbeat_timeout_s
        )
    process = _probe(int(tags[PID_TAG]))
    if process is None:
        return True
    return not is_same_start(process.kernel_started_s, float(tags[PID_STARTED_TAG]))


def _started_s(pid: int) -> float:
    process = _probe(pid)
    if process is None or process.kernel_started_s is None:
        raise OrchError(f"the start time of this process (pid {pid}) can't be read from the system")
    return process.kernel_started_s


def _probe(pid: int) -> ProcessInfo | None:
    import psutil

    return psutil_probe(psutil)(pid)
