"""Which process runs a run, by its tags, and whether that process still lives.

On its own host a process is looked for; from another one its word is waited for, which it gives
every now and then while it lives.
"""

from __future__ import annotations

import math
import os
import socket
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

HOST_TAG = "orch/host"
PID_TAG = "orch/pid"
PID_STARTED_TAG = "orch/pid_started"
HEARTBEAT_TAG = "orch/heartbeat"
HEARTBEAT_S = 30.0

# Linux gives a start in ticks since the boot, and the boot to the second.
_START_TOLERANCE_S = 2.0


def process_tags() -> dict[str, str]:
    """Run tags that tell this process apart from every other, also after its pid is used again."""
    import psutil

    pid = os.getpid()
    return {
        HOST_TAG: socket.gethostname(),
        PID_TAG: str(pid),
        PID_STARTED_TAG: f"{_started_s(psutil.Process(pid)):.2f}",
        **heartbeat_tags(),
    }


def heartbeat_tags() -> dict[str, str]:
    """The run tag by which this process says that it lives now, in seconds since 1970."""
    return {HEARTBEAT_TAG: f"{time.time():.0f}"}


def is_process_gone(tags: Mapping[str, str], heartbeat_timeout_s: float = math.inf) -> bool:
    """Whether the process that the tags name is gone.

    A run that no process took up is not dead.

    Args:
        tags: The run's.
        heartbeat_timeout_s: Seconds without a heartbeat after which a process of another host
            counts as gone; by default it never does.
    """
    import psutil

    if PID_TAG not in tags:
        return False
    if tags.get(HOST_TAG) != socket.gethostname():
        return (
            HEARTBEAT_TAG in tags and time.time() - float(tags[HEARTBEAT_TAG]) > heartbeat_timeout_s
        )
    try:
        process = psutil.Process(int(tags[PID_TAG]))
        if process.status() == psutil.STATUS_ZOMBIE:
            return True
        started_s = _started_s(process)
    except psutil.NoSuchProcess:
        return True
    return abs(started_s - float(tags[PID_STARTED_TAG])) > _START_TOLERANCE_S


def _started_s(process: psutil.Process) -> float:
    """When the process started: on Linux since the boot, so that no change of the clock moves it.

    There the kernel keeps it so, and the time of day that psutil gives is worked out anew each
    time from the clock as it is now; elsewhere the system keeps the time of day.
    """
    import psutil

    started_s = process.create_time()
    return started_s - psutil.boot_time() if sys.platform == "linux" else started_s
