"""Fail whoever waits for an answer of a gateway whose process has ended."""

from __future__ import annotations

import io
import subprocess
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any, cast

import pytest

from orch_dagster.spark.yarn.gateway import YarnError, YarnGateway


def process(answers: bytes) -> subprocess.Popen[bytes]:
    """One that has ended, after these answers."""
    return cast(subprocess.Popen[bytes], SimpleNamespace(stdout=io.BytesIO(answers)))


def test_who_asked_a_process_that_has_ended_is_told_though_another_one_has_started() -> None:
    """The reader of the first one may come to its end after the start of the second."""
    ended, started = process(b'{"id": 1, "result": "RUNNING"}\n'), process(b"")
    gateway = YarnGateway(["never started"], {})
    answers: list[Future[Any]] = [Future() for _ in range(3)]
    asked = (ended, ended, started)
    gateway._waiting = {
        number: waits for number, waits in enumerate(zip(asked, answers, strict=True), start=1)
    }
    gateway._process = started
    gateway._read(ended)
    assert answers[0].result(0) == "RUNNING"
    with pytest.raises(YarnError, match="ended before it could answer"):
        answers[1].result(0)
    assert not answers[2].done()
