"""What the gateway's program guards, and ends when its orchestrator is gone."""

from __future__ import annotations

import io
import json
import sys
from types import SimpleNamespace
from typing import Any, cast

import pytest

from orch_dagster.spark.yarn import gateway_script
from orch_dagster.spark.yarn.gateway_script import Hadoop, Server


class Left(Exception):
    """The program has ended."""


class GuardServer(Server):
    """A server whose clusters note what they end."""

    def __init__(self) -> None:
        super().__init__("java", "classes")
        self.ended: list[tuple[object, ...]] = []

    def _warm_up(self) -> None:
        """There is no JVM."""

    def cluster(self, properties: Any, staging: str | None) -> Hadoop:
        def end(tag: str, why: str, _within_s: float) -> None:
            self.ended.append((tag, why, dict(properties), staging))
            if tag == "broken":
                raise OSError("the resource manager is away")

        return cast(Hadoop, SimpleNamespace(end=end))


def served(monkeypatch: pytest.MonkeyPatch, *requests: tuple[str, str]) -> GuardServer:
    def leave(_code: int) -> None:
        raise Left

    lines = b"".join(
        json.dumps(
            {"id": number, "call": call, "arguments": {"tag": tag}, "properties": {"a": "1"},
             "staging": "/s"}
        ).encode() + b"\n"
        for number, (call, tag) in enumerate(requests)
    )  # fmt: skip
    monkeypatch.setattr(gateway_script.os, "_exit", leave)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(lines)))
    server = GuardServer()
    with pytest.raises(Left):
        server.serve()
    return server


def test_what_is_guarded_is_ended_when_the_orchestrator_is_gone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = [("guard", tag) for tag in ("broken", "first", "second", "second")]
    server = served(monkeypatch, *asked, ("release", "first"), ("release", "unknown"))
    why = "its orchestrator is dead"
    assert sorted(server.ended) == [
        ("broken", why, {"a": "1"}, "/s"), ("second", why, {"a": "1"}, "/s"),
    ]  # fmt: skip
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [answer["id"] for answer in answers] == list(range(6))


def test_nothing_is_ended_when_all_is_released(monkeypatch: pytest.MonkeyPatch) -> None:
    assert served(monkeypatch, ("guard", "a"), ("release", "a")).ended == []
