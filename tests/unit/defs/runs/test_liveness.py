"""Whether the process of a run lives, told by its tags."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path

import psutil
import pytest

from framework.contract.process_identity import PidSpace
from orch_dagster.defs.runs import liveness
from orch_dagster.defs.runs.liveness import (
    HEARTBEAT_TAG,
    HOST_TAG,
    PID_SPACE_TAG,
    PID_STARTED_TAG,
    PID_TAG,
    is_process_gone,
    names_process,
    process_tags,
    read_process,
    write_process,
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


@pytest.mark.parametrize(
    ("space", "is_boot"),
    [
        ({"namespace": "pid:[1]"}, False),
        ({"boot_id": "other", "namespace": "pid:[1]"}, False),
        ({"boot_id": "other", "machine": "other"}, False),
        ({"boot_id": "other"}, True),
    ],
    ids=["another container", "a container elsewhere", "another machine", "booted since"],
)
def test_a_pid_means_a_process_only_in_its_boot_and_namespace(
    monkeypatch: pytest.MonkeyPatch, space: dict[str, str], is_boot: bool
) -> None:
    here = PidSpace("boot", "pid:[4026531836]", "machine")
    monkeypatch.setattr(liveness, "this_pid_space", lambda: here)
    tags = {**process_tags(), PID_SPACE_TAG: json.dumps({**asdict(here), **space})}
    # Whatever process has the pid here, or none.
    for pid in (tags[PID_TAG], "4194305"):
        of_pid = {**tags, PID_TAG: pid}
        assert is_process_gone(of_pid, heartbeat_timeout_s=60) is is_boot
        silent = {**of_pid, HEARTBEAT_TAG: str(time.time() - 61)}
        assert is_process_gone(silent, heartbeat_timeout_s=60)


@pytest.mark.parametrize("text", ["{", "[]", '{"boot_id": "b", "cell": 1}'])
def test_tags_of_a_newer_version_are_judged_by_the_heartbeat(text: str) -> None:
    tags = {**process_tags(), PID_SPACE_TAG: text, PID_TAG: "4194305"}
    assert not is_process_gone(tags, heartbeat_timeout_s=60)


def test_tags_of_the_version_before_are_looked_up() -> None:
    tags = process_tags()
    tags.pop(PID_SPACE_TAG, None)
    assert not is_process_gone(tags)
    assert is_process_gone({**tags, PID_TAG: "4194305"})


def test_a_pid_that_is_used_again_is_another_process() -> None:
    tags = process_tags()
    assert is_process_gone({**tags, PID_STARTED_TAG: str(float(tags[PID_STARTED_TAG]) - 60)})


@pytest.mark.parametrize(
    "text",
    [
        "5",
        "[]",
        "{}",
        '{"orch/pid": "x", "orch/pid_started": "1.00"}',
        '{"orch/pid": "1"}',
        '{"orch/pid": "1", "orch/pid_started": 1.0}',
        '{"orch/pid": "1", "orch/pid_started": "1.00", "orch/heartbeat": "soon"}',
        "[" * 100_000,
    ],
)
def test_a_file_of_another_form_names_no_process(tmp_path: Path, text: str) -> None:
    write_process(tmp_path, "run", process_tags())
    assert read_process(tmp_path, "run") is not None
    (tmp_path / "run" / "run.process.json").write_text(text)
    assert read_process(tmp_path, "run") is None


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no clock moves a process's start")
def test_a_clock_that_is_set_kills_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    tags = process_tags()
    real = psutil.boot_time()
    # What the kernel says after the clock was set an hour forward.
    for module in (psutil, psutil._pslinux):
        monkeypatch.setattr(module, "boot_time", lambda: real + 3600)
    assert psutil.Process(os.getpid()).create_time() > real + 3600
    assert not is_process_gone(tags)


def test_dagit_hides_the_tags_and_those_of_an_older_version_still_count(tmp_path: Path) -> None:
    tags = process_tags()
    assert all(tag.startswith(".dagster/") for tag in tags)
    older = {tag.replace(".dagster/orch_", "orch/"): value for tag, value in tags.items()}
    assert names_process(older)
    assert not names_process({"dagster/partition": "2024-05-15"})
    assert not is_process_gone(older)
    gone = {**older, "orch/pid_started": str(float(tags[PID_STARTED_TAG]) - 60)}
    assert is_process_gone(gone)
    write_process(tmp_path, "run", older)
    found = read_process(tmp_path, "run")
    assert found is not None
    assert found[PID_STARTED_TAG] == tags[PID_STARTED_TAG]
