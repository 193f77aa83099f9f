"""How far Spark's stages are, told by a real Spark of another process to its channel."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import pytest
from dagster_pipes import encode_param

from framework.progress import watch_stages
from orch_dagster.settings import REPOSITORY

JOBS = REPOSITORY / "jobs"
BEGIN = """
import os, threading, time
from framework import get_spark
from framework.report import reporting

def slowly(row):
    time.sleep(0.7)
    return row

with reporting():
    spark = get_spark("progress")
    sc = spark.sparkContext
"""


def run(tmp_path: Path, body: str) -> tuple[subprocess.CompletedProcess[str], list[dict[str, Any]]]:
    """A job of that body; how it ended, and the messages that it sent."""
    context, messages = tmp_path / "context.json", tmp_path / "messages.jsonl"
    context.write_text(json.dumps({"asset_keys": None, "run_id": "run-1", "extras": {}}))
    messages.write_text("")
    env = {
        **os.environ,
        "PYTHONPATH": str(JOBS),
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_SUBMIT_ARGS": "--master local[2] --conf spark.ui.enabled=false pyspark-shell",
        "DAGSTER_PIPES_CONTEXT": encode_param({"path": str(context)}),
        "DAGSTER_PIPES_MESSAGES": encode_param({"path": str(messages)}),
    }
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + textwrap.indent(textwrap.dedent(body), "    ")],
        env=env,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return done, [json.loads(line) for line in messages.read_text().splitlines()]


def stages_of(messages: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    payloads = [(message.get("params") or {}).get("payload") or {} for message in messages]
    return [payload["stages"] for payload in payloads if payload.get("kind") == "progress"]


@pytest.mark.spark
def test_each_stage_is_told_as_it_goes_and_nothing_after_the_end(tmp_path: Path) -> None:
    done, messages = run(
        tmp_path,
        """
        # Each stage is there for two looks at least.
        pairs = sc.parallelize(range(24), 24).map(slowly).map(lambda n: (n % 16, n))
        assert pairs.groupByKey(16).map(slowly).count() == 16
        spark.stop()
        for thread in threading.enumerate():
            if thread.name == "stage progress":
                thread.join(20)
        print(sorted(thread.name for thread in threading.enumerate()))
        """,
    )
    assert done.returncode == 0, done.stderr
    # The thread has ended with the session.
    assert "progress" not in done.stdout
    assert messages[-1]["method"] == "closed"
    seen = [stage for stages in stages_of(messages) for stage in stages]
    assert {stage["tasks"] for stage in seen} == {24, 16}
    for tasks in (24, 16):
        dones = [stage["done"] for stage in seen if stage["tasks"] == tasks]
        assert dones == sorted(dones)
        assert max(dones) > 0
    assert all(stage["name"] for stage in seen)


@pytest.mark.spark
@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot be paused there")
def test_a_jvm_that_is_gone_ends_the_telling_and_nothing_else(tmp_path: Path) -> None:
    done, messages = run(
        tmp_path,
        """
        import signal, sys, traceback

        def is_asking(thread):
            stack = traceback.extract_stack(sys._current_frames()[thread.ident])
            return "readinto" in [frame.name for frame in stack]

        threads = [each for each in threading.enumerate() if each.name == "stage progress"]
        java = sc._gateway.proc
        while not is_asking(threads[0]):
            pass
        while is_asking(threads[0]):
            time.sleep(0.05)
        java.send_signal(signal.SIGSTOP)
        # Paused for long: it is asked now, and will never answer.
        while not is_asking(threads[0]):
            time.sleep(0.05)
        java.kill()
        for thread in threads:
            thread.join(20)
        print(len(threads), threads[0].is_alive())
        """,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["1", "False"]
    assert "Traceback" not in done.stderr
    assert messages[-1] == {**messages[-1], "method": "closed", "params": {}}


@pytest.mark.spark
def test_a_session_asked_for_twice_is_told_once(tmp_path: Path) -> None:
    done, _ = run(
        tmp_path,
        """
        get_spark()
        print([each.name for each in threading.enumerate()].count("stage progress"))
        """,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "1"), done.stderr


def test_where_nobody_waits_for_reports_nothing_is_started() -> None:
    before = threading.active_count()
    watch_stages(object())  # type: ignore[arg-type]
    assert threading.active_count() == before
