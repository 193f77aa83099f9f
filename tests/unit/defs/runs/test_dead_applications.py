"""What dead runs left on YARN is ended before they are failed; other runs ask nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import EXECUTION_LOG
from orch_dagster.defs.runs.dead_applications import (
    ApplicationEnder,
    mark_run,
    marks_in,
    read_marks,
    read_noted,
)
from orch_dagster.defs.runs.rebuild import rebuild
from orch_dagster.spark.yarn import shared_gateway
from orch_dagster.spark.yarn.gateway import YarnClient, YarnError, YarnGateway
from orch_dagster.spark.yarn.report import Application
from orch_dagster.spark.yarn.submitted import SubmittedApplication
from tests.code_location import add_jobs, open_date
from tests.played_runs import Played

DAY = "2024-05-15"
CONF = {"HADOOP_CONF_DIR": "/etc/hadoop/conf"}
SUBMITTED = SubmittedApplication("tag", True, {"spark.hadoop.a": "b"})


@pytest.fixture
def location(store: ControlStore, played: Callable[[], Played]) -> Played:
    add_jobs(store, "FPMS", {"first": []})
    open_date(store, "FPMS", DAY)
    return played()


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> list[Application | YarnError]:
    """What YARN answers when the applications of a run are to be ended."""
    answers: list[Application | YarnError] = []

    def end(_client: YarnClient, _tag: str, _why: str, _within_s: float) -> list[Application]:
        answer = answers[0]
        if isinstance(answer, YarnError):
            raise answer
        return [answer]

    monkeypatch.setattr(YarnClient, "end", end)
    return answers


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (Application("application_1_1", "KILLED"), "Failed: the orchestrator died"),
        (
            Application("application_1_1", "RUNNING"),
            "Failed: the orchestrator died; application_1_1 is still RUNNING: end it by `yarn "
            "application -kill application_1_1`",
        ),
        (
            Application("application_1_1", "KILLED", user="eve", staged="no right to"),
            "Failed: the orchestrator died; could not remove .sparkStaging/application_1_1 of user "
            "eve (no right to): remove it by hand",
        ),
        (
            YarnError("rm:8032 refused"),
            "Failed: the orchestrator died; it is unknown whether an application of it still runs "
            "on YARN (rm:8032 refused)",
        ),
    ],
)
def test_a_dead_run_is_failed_with_what_could_not_be_ended(
    location: Played,
    ended: list[Application | YarnError],
    tmp_path: Path,
    answer: Application | YarnError,
    status: str,
) -> None:
    ended.append(answer)
    run = location.start("gels_fpms", DAY)
    mark_run(location.instance, run.run_id, tmp_path, SUBMITTED, CONF)
    job_ids = location.location.location.job_ids
    rebuild(location.instance, location.store, job_ids, heartbeat_timeout_s=0)
    (row,) = location.store.read(EXECUTION_LOG)
    assert row["status"] == status
    # A run that was deleted has the file alone.
    (mark,) = read_marks(tmp_path, run.run_id)
    assert "HADOOP_CONF_DIR" in mark


def test_a_run_that_executes_another_one_again_has_submitted_nothing_by_its_tags(
    ended: list[Application | YarnError], location: Played, tmp_path: Path
) -> None:
    ended.append(YarnError("rm:8032 refused"))
    first = location.start("gels_fpms", DAY)
    mark_run(location.instance, first.run_id, tmp_path, SUBMITTED, CONF)
    marks = read_marks(tmp_path, first.run_id)
    with ApplicationEnder() as ender:
        assert ender.end("run", marks) is None
        assert "unknown" in str(ender.end(first.run_id, marks))


def test_each_cluster_of_a_runs_jobs_is_asked(
    monkeypatch: pytest.MonkeyPatch, location: Played, tmp_path: Path
) -> None:
    """Jobs differ by their properties, and the last one to submit stood for all."""
    asked: list[object] = []

    def end(client: YarnClient, *_: object) -> list[Application]:
        asked.append((client.properties, client.staging))
        return []

    monkeypatch.setattr(YarnClient, "end", end)
    run = location.start("gels_fpms", DAY)
    jobs = [{"spark.hadoop.a": "b"}, {"spark.yarn.stagingDir": "/s"}, {"spark.hadoop.a": "b"}]
    for properties in jobs:
        submitted = SubmittedApplication("tag", True, properties)
        mark_run(location.instance, run.run_id, tmp_path, submitted, CONF)
    tagged = location.instance.get_run_by_id(run.run_id)
    assert tagged is not None
    marks = read_marks(tmp_path, run.run_id)
    assert marks_in(tagged.tags) == marks
    with ApplicationEnder() as ender:
        assert ender.end(run.run_id, marks) is None
    assert sorted(asked, key=str) == [({"a": "b"}, None), ({}, "/s")]


@pytest.mark.parametrize("is_rebuilt", [True, False])
@pytest.mark.parametrize("is_ended_by_force", [True, False])
def test_a_run_that_was_ended_by_force_ends_on_yarn_before_its_row_says_so(
    monkeypatch: pytest.MonkeyPatch,
    location: Played,
    tmp_path: Path,
    is_ended_by_force: bool,
    is_rebuilt: bool,
) -> None:
    """Such as by "Force termination" of a run whose host is gone: its application would land."""
    asked: list[object] = []

    def end(_client: YarnClient, tag: str, *_: object) -> list[Application]:
        (row,) = location.store.read(EXECUTION_LOG)
        asked.append((tag, row["status"]))
        return [Application("application_1_1", "KILLED")]

    monkeypatch.setattr(YarnClient, "end", end)
    run = location.start("first", DAY)
    mark_run(location.instance, run.run_id, tmp_path, SUBMITTED, CONF)
    log = location.begin(run, "first")
    if not is_ended_by_force:
        log.end_all("canceled")
    location.instance.report_run_canceled(run)
    if is_rebuilt:
        for _ in range(2):
            rebuild(location.instance, location.store, location.location.location.job_ids)
    else:
        location.sense("execution_log")
    assert asked == ([(run.run_id, "Started")] if is_ended_by_force else [])
    (row,) = location.store.read(EXECUTION_LOG)
    assert row["status"] == "Canceled"


def test_a_run_of_many_rows_is_ended_once_by_a_rebuild(
    monkeypatch: pytest.MonkeyPatch,
    store: ControlStore,
    played: Callable[[], Played],
    tmp_path: Path,
) -> None:
    """Though its rows are in two reads: where YARN is away, each end takes a minute."""
    ended: list[str] = []

    def end(_client: YarnClient, tag: str, *_: object) -> list[Application]:
        ended.append(tag)
        return [Application("application_1_1", "RUNNING")]

    monkeypatch.setattr(YarnClient, "end", end)
    monkeypatch.setattr("orch_dagster.defs.runs.rebuild._ROWS_A_READ", 1)
    add_jobs(store, "FPMS", {"first": [], "second": []})
    open_date(store, "FPMS", DAY)
    location = played()
    run = location.start("gels_fpms", DAY)
    mark_run(location.instance, run.run_id, tmp_path, SUBMITTED, CONF)
    for job in ("first", "second"):
        location.begin(run, job)
    location.instance.report_run_canceled(run)
    result = rebuild(location.instance, store, location.location.location.job_ids)
    assert (result.written, len(result.unended)) == (2, 1)
    assert ended == [run.run_id]


@pytest.mark.parametrize("is_there", [True, False])
def test_a_run_is_looked_for_on_its_own_cluster(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, is_there: bool
) -> None:
    """On another one nothing is found, which would count as nothing left."""
    own, here = tmp_path / "own", {"YARN_CONF_DIR": "/other/yarn", "HADOOP_CONF_DIR": "/other"}
    if is_there:
        own.mkdir()
    for name, folder in here.items():
        monkeypatch.setenv(name, folder)
    mark = {"run_id": "run", "environ": {"HADOOP_CONF_DIR": str(own)}, "properties": {}}
    environ = read_noted(json.dumps(mark)).environ
    named = {name: environ[name] for name in here if name in environ}
    assert named == ({"HADOOP_CONF_DIR": str(own)} if is_there else here)


def test_the_note_of_an_older_version_is_read(
    ended: list[Application | YarnError], tmp_path: Path
) -> None:
    ended.append(Application("application_1_1", "RUNNING"))
    mark = '{"run_id": "run", "environ": {"HADOOP_CONF_DIR": "/c"}, "properties": {}}'
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.yarn.json").write_text(mark)
    assert marks_in({".dagster/orch_yarn": mark, ".dagster/orch_pid": "1"}) == [mark]
    with ApplicationEnder() as ender:
        assert "is still RUNNING" in str(ender.end_deleted("run", tmp_path))


def test_a_note_that_can_not_be_read_leaves_the_end_unknown(tmp_path: Path) -> None:
    (tmp_path / "run" / "run.yarn_1f.json").mkdir(parents=True)
    with ApplicationEnder() as ender:
        assert "it is unknown whether" in str(ender.end_deleted("run", tmp_path))


def test_a_cluster_that_is_away_says_nothing_of_another_one(
    ended: list[Application | YarnError], location: Played, tmp_path: Path
) -> None:
    def mark(queue: str) -> str:
        run = location.start("gels_fpms", DAY)
        of_queue = SubmittedApplication("tag", True, {"spark.hadoop.yarn.x": queue})
        mark_run(location.instance, run.run_id, tmp_path, of_queue, CONF)
        (mark,) = read_marks(tmp_path, run.run_id)
        return mark.replace(run.run_id, "run")

    ended.append(YarnError("rm:8032 refused"))
    with ApplicationEnder() as ender:
        assert "can't be read" in str(ender.end("run", ["{"]))
        assert "can't be read" in str(ender.end("run", ["[]"]))
        assert "rm:8032 refused" in str(ender.end("run", [mark("a")]))
        ended[0] = Application("application_1_1", "KILLED")
        # It is asked once, as each time takes a minute.
        assert "rm:8032 refused" in str(ender.end("run", [mark("a")]))
        assert ender.end("run", [mark("b")]) is None


def test_a_principal_that_can_not_log_in_says_nothing_of_another_ones_applications(
    monkeypatch: pytest.MonkeyPatch, location: Played, tmp_path: Path
) -> None:
    def end(client: YarnClient, *_: object) -> list[Application]:
        if client.login and client.login["principal"] == "old":
            raise YarnError("KerberosAuthException: old is locked")
        return []

    monkeypatch.setattr(YarnClient, "end", end)
    run = location.start("gels_fpms", DAY)
    for principal in ("old", "etl"):
        properties = {"spark.kerberos.principal": principal, "spark.kerberos.keytab": "/k"}
        submitted = SubmittedApplication("tag", True, properties)
        mark_run(location.instance, run.run_id, tmp_path, submitted, CONF)
    of_etl, of_old = sorted(read_marks(tmp_path, run.run_id), key=lambda mark: "old" in mark)
    with ApplicationEnder() as ender:
        assert "old is locked" in str(ender.end(run.run_id, [of_old]))
        assert ender.end(run.run_id, [of_etl]) is None


@pytest.mark.parametrize("is_running", [True, False])
def test_a_gateway_that_runs_in_this_process_is_used_and_stays(
    monkeypatch: pytest.MonkeyPatch, is_running: bool
) -> None:
    """Its own had a JVM of 190 MB more, and three seconds for its start."""
    mark = json.dumps({"run_id": "run", "environ": CONF, "properties": {}})
    shared, own = YarnGateway(["shared"], {}), YarnGateway(["own"], {})
    shared._process = cast(Any, SimpleNamespace(poll=lambda: None if is_running else 1))
    key = shared_gateway._key(read_noted(mark).environ)
    monkeypatch.setattr(shared_gateway, "_shared", {key: shared})
    monkeypatch.setattr(YarnGateway, "of", lambda _: own)
    used: list[YarnGateway] = []
    closed: list[YarnGateway] = []

    def end(client: YarnClient, *_: object) -> list[Application]:
        used.append(client.gateway)
        return []

    def close(gateway: YarnGateway) -> None:
        closed.append(gateway)

    monkeypatch.setattr(YarnGateway, "close", close)
    monkeypatch.setattr(YarnClient, "end", end)
    with ApplicationEnder() as ender:
        assert ender.end("run", [mark]) is None
    assert used == [shared if is_running else own]
    assert closed == ([] if is_running else [own])


def test_a_run_without_yarn_starts_no_gateway(tmp_path: Path) -> None:
    with ApplicationEnder() as ender:
        assert ender.end_deleted("run", tmp_path) is None
        assert ender._gateways == {}
