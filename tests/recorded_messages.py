"""The message file of a real run of JOB_1001, and how it is recorded.

`make record` records it again, with ORCH_REFRESH_GOLDEN set, and fails on a difference. Without
that variable the test tests/runs/defs/test_recorded_messages.py compares it with a run.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from subprocess import DEVNULL, Popen
from typing import Any

from orch_dagster.sample.rows import JOB_NAME
from tests.homes import Home
from tests.waiting import wait_until

RECORDED = Path(__file__).with_name("recorded") / "messages_of_job_1001.jsonl"

# What is another at every run, by the key under which it is.
_VARYING: dict[str, Any] = {
    "spark_app_id": "local-1715821323000",
    "spark_ui": "http://spark.example:4040",
    "started_at": "2024-05-16T01:02:04.000000+00:00",
    "duration_s": 4.5,
    "size_bytes": 20000,
    "done": 1,
}


def recorded_messages() -> list[dict[str, Any]]:
    """The messages in their order; progress is left out, as it depends on the time."""
    return [json.loads(line) for line in RECORDED.read_text(encoding="utf-8").splitlines()]


def messages_of_a_run(home: Home) -> list[dict[str, Any]]:
    """Run JOB_1001 and return its messages, without what is another at every run."""
    run = Popen(
        home.execute_command(JOB_NAME),
        env=home.environ,
        cwd=home.folder,
        stdout=DEVNULL,
        stderr=DEVNULL,
    )
    kept = home.folder / "kept.jsonl"

    def keep() -> bool:
        # A second name: the file itself goes when the session ends.
        for file in (home.folder / "params").glob("*/*.messages.jsonl"):
            os.link(file, kept)
        return kept.exists()

    wait_until(keep, "the message file", timeout_s=180)
    assert run.wait(timeout=300) == 0
    messages = map(json.loads, kept.read_text(encoding="utf-8").splitlines())
    root = str(home.folder)
    return [
        _normal(message, root)
        for message in messages
        if (message["params"] or {}).get("payload", {}).get("kind") != "progress"
    ]


def _normal(value: Any, root: str) -> Any:
    if isinstance(value, dict):
        return {
            name: _VARYING[name] if name in _VARYING else _normal(each, root)
            for name, each in value.items()
        }
    if isinstance(value, list):
        return [_normal(each, root) for each in value]
    return re.sub(re.escape(root), "/home", value) if isinstance(value, str) else value
