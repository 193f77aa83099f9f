"""The process of a run that has ended."""

from __future__ import annotations

import subprocess
import sys

import psutil

from orch_dagster.defs.runs.liveness import (
    PID_STARTED_TAG,
    PID_TAG,
    is_process_gone,
    process_tags,
)
from tests.waiting import wait_until


def test_a_process_that_ended_is_process_gone_also_while_nobody_has_reaped_it() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    tags = {**process_tags(), PID_TAG: str(child.pid)}
    # Its own start, so that it is not taken for another process.
    started = psutil.Process(child.pid).create_time()
    since_boot = started - psutil.boot_time() if sys.platform == "linux" else started
    tags[PID_STARTED_TAG] = str(since_boot)
    wait_until(lambda: is_process_gone(tags), "the end of the child")
    child.wait()
    assert is_process_gone(tags)
