"""What dead runs left on YARN is ended before they are failed; other runs ask nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import EXECUTION_LOG
from orch_dagster.defs.runs.dead_applications import ApplicationEnder, mark_run, read_mark
from orch_dagster.defs.runs.rebuild import rebuild
from orch_dagster.spark.yarn.gateway import YarnClient, YarnError
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
    assert "HADOOP_CONF_DIR" in str(read_mark(tmp_path, run.run_id))


def test_a_run_that_executes_another_one_again_has_submitted_nothing_by_its_tags(
    ended: list[Application | YarnError], location: Played, tmp_path: Path
) -> None:
    ended.append(YarnError("rm:8032 refused"))
    first = location.start("gels_fpms", DAY)
    mark_run(location.instance, first.run_id, tmp_path, SUBMITTED, CONF)
    mark = read_mark(tmp_path, first.run_id)
    with ApplicationEnder() as ender:
        assert ender.end("run", mark) is None
        assert "unknown" in str(ender.end(first.run_id, mark))


def test_a_cluster_that_is_away_says_nothing_of_another_one(
    ended: list[Application | YarnError], location: Played, tmp_path: Path
) -> None:
    def mark(queue: str) -> str:
        run = location.start("gels_fpms", DAY)
        of_queue = SubmittedApplication("tag", True, {"spark.hadoop.yarn.x": queue})
        mark_run(location.instance, run.run_id, tmp_path, of_queue, CONF)
        return str(read_mark(tmp_path, run.run_id)).replace(run.run_id, "run")

    ended.append(YarnError("rm:8032 refused"))
    with ApplicationEnder() as ender:
        assert "can't be read" in str(ender.end("run", "{"))
        assert "can't be read" in str(ender.end("run", "[]"))
        assert "rm:8032 refused" in str(ender.end("run", mark("a")))
        ended[0] = Application("application_1_1", "KILLED")
        # It is asked once, as each time takes a minute.
        assert "rm:8032 refused" in str(ender.end("run", mark("a")))
        assert ender.end("run", mark("b")) is None


def test_a_run_without_yarn_starts_no_gateway(tmp_path: Path) -> None:
    with ApplicationEnder() as ender:
        assert ender.end("run", read_mark(tmp_path, "run")) is None
        assert ender._gateways == {}
