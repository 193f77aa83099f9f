"""A gateway's process that is killed: what the next one guards."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orch_dagster.spark.yarn.gateway import YarnGateway

# Answers all, and notes each request beside its process id.
PROGRAM = """
import json, os, sys
for line in sys.stdin.buffer:
    request = json.loads(line)
    with open(sys.argv[1], "a") as notes:
        notes.write(json.dumps([os.getpid(), request["call"], request["arguments"]["tag"]]) + "\\n")
    sys.stdout.write(json.dumps({"id": request["id"], "result": None}) + "\\n")
    sys.stdout.flush()
"""


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    return tmp_path / "notes"


@pytest.fixture
def gateway(notes: Path) -> Iterator[YarnGateway]:
    command = [sys.executable, "-I", "-S", "-c", PROGRAM, str(notes)]
    made = YarnGateway(command, dict(os.environ))
    yield made
    made.close()


def test_a_gateway_that_is_started_again_guards_what_the_one_before_did(
    gateway: YarnGateway, notes: Path
) -> None:
    for tag in ("first", "second"):
        gateway.guard(tag)
    gateway.release("first")
    process = gateway._process
    assert process is not None
    process.kill()
    process.wait()
    gateway.ask("find", {"tag": "second"})
    noted = [json.loads(line) for line in notes.read_text().splitlines()]
    first = noted[0][0]
    assert [words for pid, *words in noted if pid != first] == [
        ["guard", "second"], ["find", "second"],
    ]  # fmt: skip
    gateway.release("second")
    gateway.release("unknown")
