"""The gateway ends what it guards when its orchestrator is gone; no request delays others."""

from __future__ import annotations

import itertools
import json
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, cast
from unittest.mock import MagicMock

import pytest

from orch_dagster.spark.yarn import gateway_server
from orch_dagster.spark.yarn.gateway_command import YarnError
from orch_dagster.spark.yarn.gateway_server import Server
from orch_dagster.spark.yarn.hadoop import Hadoop
from orch_dagster.spark.yarn.hadoop_jvm import Jvm


class Left(Exception):
    """The program has ended."""


class GuardServer(Server):
    """A server whose clusters note what they end."""

    def __init__(self) -> None:
        super().__init__("java", "classes")
        self.ended: list[tuple[object, ...]] = []

    def _warm_up(self) -> None:
        """There is no JVM."""

    def cluster(self, properties: Any, staging: str | None, login: Any = None) -> Hadoop:
        def end(tag: str, why: str, _within_s: float) -> None:
            self.ended.append((tag, why, dict(properties), staging, login))
            if tag == "broken":
                raise OSError("the resource manager is away")

        return cast(Hadoop, SimpleNamespace(end=end))


def served(monkeypatch: pytest.MonkeyPatch, *requests: tuple[str, str]) -> GuardServer:
    def leave(_code: int) -> None:
        raise Left

    lines = [
        json.dumps(
            {"id": number, "call": call, "arguments": {"tag": tag}, "properties": {"a": "1"},
             "staging": "/s", "login": {"principal": "etl"}}
        ).encode()
        for number, (call, tag) in enumerate(requests)
    ]  # fmt: skip
    monkeypatch.setattr(gateway_server.os, "_exit", leave)
    server = GuardServer()
    with pytest.raises(Left):
        server.serve(lines)
    return server


class KilledJvm:
    """A JVM of which the first one has been killed, as by a node that is out of memory."""

    started: ClassVar[list[KilledJvm]] = []

    def __init__(self, *_: str) -> None:
        self.root = MagicMock()
        self.started.append(self)

    def has_ended(self, _: float = 0.0) -> bool:
        return self is self.started[0]


def test_a_jvm_that_is_killed_alone_is_started_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gateway_server, "Jvm", KilledJvm)
    server = Server("java", "classes")
    first = server.cluster({}, None)
    second = server.cluster({}, None)
    assert (first is second, len(KilledJvm.started)) == (False, 2)
    assert server.cluster({}, None) is second

    def lost(**_: object) -> None:
        KilledJvm.started.reverse()
        raise RuntimeError("Answer from Java side is empty")

    monkeypatch.setattr(second, "report", lost)
    asked = {"id": 1, "call": "report", "arguments": {}, "properties": {}, "staging": None}
    server._answer(asked)
    error = json.loads(capsys.readouterr().out)["error"]
    # Which the orchestrator takes for a reason to ask again.
    assert YarnError("", kind=error["kind"]).is_away


class LoginJvm(Jvm):
    """A JVM that notes which user Hadoop's clients have there."""

    started: ClassVar[list[LoginJvm]] = []

    def __init__(self, *_: str) -> None:
        self.root = MagicMock()
        self._login_lock = threading.Lock()
        self._is_logged_in = False
        self._logins, self._login_failure = 0, None
        self.started.append(self)

    def has_ended(self, within_s: float = 0.0) -> bool:
        return False

    @property
    def users(self) -> MagicMock:
        return self.root.org.apache.hadoop.security.UserGroupInformation


def test_each_principal_is_logged_in_by_its_keytab_in_a_jvm_of_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Hadoop's clients have one user in a JVM, which is also the one that spark-submit logs in."""
    monkeypatch.setattr(gateway_server, "Jvm", LoginJvm)
    monkeypatch.setattr(LoginJvm, "started", [])
    server = Server("java", "classes")
    server._warm_up()
    logins = [
        {"principal": name, "keytab": str(tmp_path / f"{name}.keytab")} for name in ("etl", "dwh")
    ]
    for each in logins:
        Path(each["keytab"]).touch()
    clusters = [server.cluster({}, None, login) for login in [*logins, None, logins[0]]]
    assert clusters[3] is clusters[0]
    assert len({id(each) for each in clusters}) == 3
    # The first one has that which was started before anybody asked.
    etl, dwh, none = LoginJvm.started
    for jvm, login, cluster in zip((etl, dwh), logins, clusters, strict=False):
        jvm.users.setConfiguration.assert_called_once_with(cluster.conf)
        jvm.users.loginUserFromKeytab.assert_called_once_with(login["principal"], login["keytab"])
    again = "getLoginUser().checkTGTAndReloginFromKeytab"
    assert [again in str(jvm.users.mock_calls) for jvm in (etl, dwh)] == [True, False]
    assert none.users.mock_calls == []


def test_a_jvm_that_starts_keeps_no_other_login_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    has_begun, may_start = threading.Event(), threading.Event()

    class SlowJvm(LoginJvm):
        def __init__(self, *_: str) -> None:
            super().__init__()
            has_begun.set()
            assert may_start.wait(20)

    monkeypatch.setattr(LoginJvm, "started", [])
    monkeypatch.setattr(gateway_server, "Jvm", LoginJvm)
    server = Server("java", "classes")
    of_user = server.cluster({}, None)
    monkeypatch.setattr(gateway_server, "Jvm", SlowJvm)
    monkeypatch.setattr(SlowJvm, "log_in", MagicMock())
    login = {"principal": "etl", "keytab": "/k"}
    with ThreadPoolExecutor(2) as threads:
        try:
            of_etl = threads.submit(server.cluster, {}, None, login)
            assert has_begun.wait(10)
            assert threads.submit(server.cluster, {}, None).result(10) is of_user
        finally:
            may_start.set()
        assert of_etl.result(10) is not of_user


def test_a_keytab_that_is_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(gateway_server, "Jvm", LoginJvm)
    login = {"principal": "etl", "keytab": str(tmp_path / "none")}
    asked = {"id": 1, "call": "find", "arguments": {"tag": "a"}, "properties": {}, "staging": None}
    Server("java", "classes")._answer({**asked, "login": login})
    error = json.loads(capsys.readouterr().out)["error"]
    named = f"spark.kerberos.keytab: {tmp_path / 'none'} is not a file here"
    assert error == {"kind": "FileNotFoundError", "message": named}


def test_what_is_guarded_is_ended_when_the_orchestrator_is_gone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = [("guard", tag) for tag in ("broken", "first", "second", "second")]
    server = served(monkeypatch, *asked, ("release", "first"), ("release", "unknown"))
    why = "its orchestrator is dead"
    assert sorted(server.ended) == [
        (tag, why, {"a": "1"}, "/s", {"principal": "etl"}) for tag in ("broken", "second")
    ]
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [answer["id"] for answer in answers] == list(range(6))


def test_a_silent_name_node_does_not_keep_applications_from_being_ended(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    has_ended = threading.Event()

    class SilentServer(GuardServer):
        def cluster(self, properties: Any, staging: str | None, login: Any = None) -> Hadoop:
            def read_folder(**_: object) -> bool:
                return has_ended.wait(10)

            def end(**_: object) -> None:
                has_ended.set()

            return cast(Hadoop, SimpleNamespace(read_folder=read_folder, end=end))

    calls = [*["read_folder"] * 20, "end"]
    lines = [
        json.dumps(
            {"id": number, "call": call, "arguments": {}, "properties": {}, "staging": None}
        ).encode()
        for number, call in enumerate(calls)
    ]
    monkeypatch.setattr(SilentServer, "_leave", lambda _: None)
    SilentServer().serve(lines)
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {answer["id"]: answer["result"] for answer in answers} == {
        20: None, **dict.fromkeys(range(20), True)
    }  # fmt: skip


def requests(call: str, count: int, **reach: object) -> list[bytes]:
    of_all = {"call": call, "arguments": {}, "properties": {}, "staging": None, **reach}
    return [json.dumps({"id": f"{call} {number}", **of_all}).encode() for number in range(count)]


@pytest.mark.parametrize(
    "away",
    [
        {"login": {"principal": "etl@AWAY", "keytab": "/k"}},
        {"properties": {"yarn.resourcemanager.address": "away:8032"}},
    ],
)
def test_requests_by_a_login_or_to_a_cluster_that_is_away_delay_no_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], away: dict[str, Any]
) -> None:
    """Eight of them had all threads, for the minutes that a KDC takes."""
    is_answered = threading.Event()

    class AwayServer(GuardServer):
        def cluster(self, properties: Any, staging: str | None, login: Any = None) -> Hadoop:
            is_away = bool(properties or login)

            def answer(**_: object) -> bool:
                if is_away:
                    return is_answered.wait(10)
                is_answered.set()
                return True

            return cast(Hadoop, SimpleNamespace(find=answer, report=answer))

    monkeypatch.setattr(AwayServer, "_leave", lambda _: None)
    AwayServer().serve([*requests("find", 20, **away), *requests("report", 1)])
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["result"] for each in answers] == [True] * 21


def test_what_is_guarded_at_a_cluster_that_is_away_delays_no_other_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    has_ended = threading.Event()

    class AwayServer(GuardServer):
        def _end_orphan(self, request: dict[str, Any]) -> None:
            if request["properties"]:
                self.ended.append((has_ended.wait(10),))
            else:
                has_ended.set()

    monkeypatch.setattr(gateway_server.os, "_exit", lambda _: None)
    server = AwayServer()
    for number in range(20):
        server._guarded[str(number)] = {"properties": {"a": "away"}}
    server._guarded["last"] = {"properties": {}}
    server._leave()
    assert server.ended == [(True,)] * 20


def test_a_question_that_was_given_up_is_not_asked_and_an_order_is_carried_out() -> None:
    """Else those that piled up while a cluster was away would come before all others."""

    class NotingServer(GuardServer):
        def _answer(self, request: dict[str, Any]) -> None:
            self.ended.append((request["call"],))

    server = NotingServer()
    for call, limit in (
        ("find", {"within_s": 60.0}),
        ("end", {"within_s": 60.0}),
        ("report", {"within_s": 3600.0}),
        ("logs", {}),
    ):
        server._answer_in_time({"call": call, **limit}, time.monotonic() - 600)
    assert server.ended == [("end",), ("report",), ("logs",)]


def test_who_waits_for_a_login_that_fails_has_its_failure_and_the_next_one_tries_again(
    tmp_path: Path,
) -> None:
    has_begun, may_fail = threading.Event(), threading.Event()
    tries: list[str] = []

    def log_in(principal: str, _: str) -> None:
        tries.append(principal)
        if len(tries) == 1:
            has_begun.set()
            assert may_fail.wait(20)
            raise OSError("Receive timed out")

    class WaitingLock:
        """A lock that tells when somebody is about to wait for it."""

        def __init__(self) -> None:
            self.lock, self.waiting = threading.Lock(), itertools.count(1)

        def __enter__(self) -> None:
            if next(self.waiting) == 8:
                may_fail.set()
            self.lock.acquire()

        def __exit__(self, *_: object) -> None:
            self.lock.release()

    jvm, keytab = LoginJvm(), tmp_path / "k"
    keytab.touch()
    jvm._login_lock = cast(threading.Lock, WaitingLock())
    jvm.users.loginUserFromKeytab.side_effect = log_in
    with ThreadPoolExecutor(8) as threads:
        first = threads.submit(jvm.log_in, None, "etl", str(keytab))
        assert has_begun.wait(10)
        others = [threads.submit(jvm.log_in, None, "etl", str(keytab)) for _ in range(7)]
        failures = [each.exception(20) for each in (first, *others)]
    assert {str(each) for each in failures} == {"Receive timed out"}
    assert tries == ["etl"]
    jvm.log_in(None, "etl", str(keytab))
    assert tries == ["etl", "etl"]


def test_nothing_is_ended_when_all_is_released(monkeypatch: pytest.MonkeyPatch) -> None:
    assert served(monkeypatch, ("guard", "a"), ("release", "a")).ended == []


def test_what_is_guarded_is_ended_though_nobody_reads_the_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w", encoding="utf-8") as unread:
        monkeypatch.setattr(sys, "stdout", unread)
        server = served(monkeypatch, ("guard", "first"), ("guard", "second"))
        monkeypatch.undo()
        # Windows calls it an invalid argument.
        with pytest.raises(OSError, match=r"Broken pipe|Invalid argument"):
            unread.flush()
        os.dup2(os.open(os.devnull, os.O_WRONLY), writer)
    assert sorted(tag for tag, *_ in server.ended) == ["first", "second"]
