"""Fail whoever waits for an answer of a gateway whose process has ended."""

from __future__ import annotations

import io
import json
import subprocess
from collections.abc import Callable
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any, NoReturn, cast

import pytest

from orch_dagster.spark.deployment import Deployment
from orch_dagster.spark.yarn.gateway import YarnClient, YarnError, YarnGateway
from orch_dagster.spark.yarn.submitted import SubmittedApplication


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
    with pytest.raises(YarnError, match="ended: before it could answer") as told:
        answers[1].result(0)
    # Another request may fare better.
    assert told.value.is_away
    assert not answers[2].done()


def test_an_answer_that_is_cut_off_leaves_nobody_waiting() -> None:
    ended = process(b'{"id": 1, "result": "RUN')
    gateway = YarnGateway(["never started"], {})
    answer: Future[Any] = Future()
    gateway._waiting = {1: (ended, answer)}
    gateway._read(ended)
    with pytest.raises(YarnError, match="ended: before it could answer"):
        answer.result(0)


def start(monkeypatch: pytest.MonkeyPatch, popen: Callable[..., object]) -> YarnGateway:
    monkeypatch.setattr(subprocess, "Popen", popen)
    return YarnGateway(["a program"], {})


def test_a_gateway_that_can_not_be_started_is_an_error_of_yarn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(*_: object, **__: object) -> NoReturn:
        raise FileNotFoundError("a program")

    with pytest.raises(YarnError, match="can't be started: a program"):
        start(monkeypatch, missing).ask("find", {"tag": "a"})


def test_a_guard_that_failed_keeps_nothing_from_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is submitted then, and what is guarded takes two minutes to end without YARN."""

    def killed(*_: object, **__: object) -> object:
        def write(_: bytes) -> NoReturn:
            raise BrokenPipeError

        stdin = SimpleNamespace(write=write)
        return SimpleNamespace(stdin=stdin, stdout=io.BytesIO(), poll=lambda: 1)

    gateway = start(monkeypatch, killed)
    with pytest.raises(YarnError, match="the gateway to YARN ended"):
        gateway.guard("tag")
    assert gateway._guarded == {}


@pytest.mark.parametrize(
    ("errors", "is_told"),
    [
        ([], False),
        ([YarnError("killed", kind="GatewayEnded")], False),
        ([YarnError("killed", kind="GatewayEnded")] * 2, True),
        ([YarnError("rm:8032 refused", kind="java.net.ConnectException")], True),
    ],
)
def test_a_gateway_that_is_killed_while_it_ends_applications_leaves_it_to_the_next(
    monkeypatch: pytest.MonkeyPatch, errors: list[YarnError], is_told: bool
) -> None:
    left = [*errors]

    def ask(*_: object, **__: object) -> list[dict[str, str]]:
        if left:
            raise left.pop(0)
        return [{"id": "application_1_1", "state": "KILLED"}]

    gateway = YarnGateway(["never started"], {})
    monkeypatch.setattr(gateway, "ask", ask)
    client = YarnClient(gateway)
    if is_told:
        with pytest.raises(YarnError):
            client.end("tag", "it is over", 1.0)
        return
    (ended,) = client.end("tag", "it is over", 1.0)
    assert ended.is_over


@pytest.mark.parametrize(
    ("message", "is_away"),
    [
        ("failure to login: for principal: etl@R from keytab /k LoginException: Receive timed out",
         True),
        ("failure to login: LoginException: Connection refused (Connection refused)", True),
        ("failure to login: LoginException: Checksum failed", False),
        ("failure to login: LoginException: Client not found in Kerberos database (6)", False),
    ],
)  # fmt: skip
def test_a_kdc_that_is_away_may_come_back_and_a_wrong_keytab_does_not(
    message: str, is_away: bool
) -> None:
    """A job failed at once, where it waits for a resource manager."""
    kind = "org.apache.hadoop.security.KerberosAuthException"
    assert YarnError.of({"kind": kind, "message": message}).is_away == is_away


@pytest.mark.parametrize("prefix", ["spark.kerberos.", "spark.yarn."])
def test_the_cluster_is_asked_as_the_principal_of_the_job(
    monkeypatch: pytest.MonkeyPatch, prefix: str
) -> None:
    """That one sees and may end what spark-submit submits, whoever ends it."""
    login = {"principal": "etl@R", "keytab": "/etc/etl.keytab"}
    properties = {f"{prefix}{name}": value for name, value in login.items()}
    submitted = SubmittedApplication.of("tag", Deployment("yarn", "cluster"), properties, ())
    assert submitted is not None
    gateway = YarnGateway(["never started"], {})
    asked: list[object] = []

    def ask(_: str, __: object, reach: dict[str, Any], *___: object) -> list[object]:
        asked.append(reach["login"])
        return []

    monkeypatch.setattr(gateway, "ask", ask)
    client = YarnClient.of(gateway, submitted.properties)
    client.guard("tag")
    assert client.find("tag") == client.end("tag", "it is over", 1.0) == []
    assert asked == [login, login, login]
    # Where the gateway was killed, the next one guards it; else a supervisor ends it.
    assert gateway._guarded["tag"]["login"] == login
    monkeypatch.setattr("orch_dagster.spark.yarn.submitted.gateway_command", lambda _: ["gateway"])
    assert json.loads(submitted.end_command({})[-1])["login"] == login
    assert YarnClient.of(gateway, {"spark.kerberos.principal": "etl@R"}).login is None
