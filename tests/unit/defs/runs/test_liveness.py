"""Whether the process of a run lives, told by its tags."""

from __future__ import annotations

import os
import sys
import time

import psutil
import pytest

from orch_dagster.defs.runs.liveness import (
    HEARTBEAT_TAG,
    HOST_TAG,
    PID_STARTED_TAG,
    PID_TAG,
    is_process_gone,
    process_tags,
)


def test_this_process_lives() -> None:
    assert not is_process_gone(process_tags())


def test_a_run_that_no_process_took_up_is_not_dead() -> None:
    assert not is_process_gone({})


def test_a_process_of_another_host_is_dead_after_a_silence() -> None:
    tags = {**process_tags(), HOST_TAG: "elsewhere", PID_TAG: "1"}
    assert not is_process_gone(tags)
    assert not is_process_gone(tags, heartbeat_timeout_s=60)
    long_ago = {HEARTBEAT_TAG: str(time.time() - 61)}
    assert is_process_gone({**tags, **long_ago}, heartbeat_timeout_s=60)
    # Of this host the process itself is looked at.
    assert not is_process_gone({**process_tags(), **long_ago}, heartbeat_timeout_s=60)


def test_a_pid_that_is_used_again_is_another_process() -> None:
    tags = process_tags()
    assert is_process_gone({**tags, PID_STARTED_TAG: str(float(tags[PID_STARTED_TAG]) - 60)})


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no clock moves a process's start")
def test_a_clock_that_is_set_kills_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    tags = process_tags()
    real = psutil.boot_time()
    # What the kernel says after the clock was set an hour forward.
    for module in (psutil, psutil._pslinux):
        monkeypatch.setattr(module, "boot_time", lambda: real + 3600)
    assert psutil.Process(os.getpid()).create_time() > real + 3600
    assert not is_process_gone(tags)
