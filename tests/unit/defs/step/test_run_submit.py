"""Submits of an orchestrator: so many of them at once, and none before YARN answers."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import NoReturn, cast

import pytest

from orch_dagster.defs.dagster_internals.thread_executor import StopSignal
from orch_dagster.defs.step import run_submit
from orch_dagster.defs.step.submission import Submission
from orch_dagster.spark.command import SubmitCommand
from orch_dagster.spark.process import EndReason, ProcessEnd, Surroundings
from orch_dagster.spark.queue_limit import LOOK_AT_QUEUE, RAISE_LIMIT
from orch_dagster.spark.yarn.application_end import ApplicationEnd
from orch_dagster.spark.yarn.container_log import Logs
from orch_dagster.spark.yarn.follow import ApplicationListener
from orch_dagster.spark.yarn.gateway import YarnClient, YarnError, YarnGateway
from orch_dagster.spark.yarn.limits import ApplicationLimits, limit_failure
from orch_dagster.spark.yarn.messages import MessageFolder
from orch_dagster.spark.yarn.report import Application
from orch_dagster.spark.yarn.submitted import SubmittedApplication
from orch_dagster.text import Masker
from tests.local_files import LocalFiles


@pytest.fixture(autouse=True)
def one_slot(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    slots = threading.BoundedSemaphore(1)
    monkeypatch.setattr(run_submit, "_SUBMITS", slots)
    yield
    # All have given back what they had.
    assert slots.acquire(blocking=False)


def slot(
    stop: threading.Event,
    told: list[str] | None = None,
    *,
    is_cluster: bool = True,
    waits: bool = False,
) -> AbstractContextManager[bool]:
    reasons = [] if told is None else told
    application = SubmittedApplication("tag", is_cluster, waits=waits)
    return run_submit._submit_slot(application, stop, ApplicationListener(waiting=reasons.append))


def test_a_submit_in_cluster_mode_waits_for_one_that_has_left() -> None:
    stop, entered, told = threading.Event(), threading.Event(), list[str]()

    def submit() -> None:
        with slot(stop, told):
            entered.set()

    thread = threading.Thread(target=submit)
    with slot(stop):
        thread.start()
        assert not entered.wait(0.5)
    thread.join(10)
    assert entered.is_set()
    assert told == ["other jobs of this run are submitted first"]


def test_a_submit_that_has_to_stop_does_not_wait() -> None:
    stop = threading.Event()
    stop.set()
    with slot(stop), slot(stop):
        pass


@pytest.mark.parametrize(("is_cluster", "waits"), [(False, True), (True, True)])
def test_a_submit_that_stays_until_its_end_takes_no_slot(is_cluster: bool, waits: bool) -> None:
    never, told = threading.Event(), list[str]()
    with slot(never), slot(never, told, is_cluster=is_cluster, waits=waits):
        assert told == []


AWAY = YarnError("ConnectException: rm:8032 refused", kind="java.net.ConnectException")
REFUSED = YarnError("no", kind="org.apache.hadoop.security.AccessControlException")


def unused(*_: object) -> NoReturn:
    raise AssertionError


SUBMISSION = Submission(
    prepare=unused,
    messages=Path(),
    properties_file=Path(),
    on_message=unused,
    on_line=unused,
    mask=Masker(),
    timeout_s=None,
    environ={},
)


class Cluster:
    """Answers what comes before a submit with these errors, one after another, then as it should.

    Seconds pass with each.
    """

    def __init__(
        self, *errors: YarnError, is_stopped: bool = False, queue_remedy: str = RAISE_LIMIT
    ) -> None:
        self.queue_remedy = queue_remedy
        self.errors, self.now_s = list(errors), 0.0
        self.told: list[str] = []
        self.stop = threading.Event()
        if is_stopped:
            self.stop.set()

    def before_submit(self, _: YarnClient) -> None:
        self.now_s += 10
        if self.errors:
            raise self.errors.pop(0)

    def clear(self) -> ApplicationLimits | tuple[EndReason, str | None]:
        submission = replace(
            SUBMISSION,
            queue_s=30.0,
            queue_remedy=self.queue_remedy,
            before_submit=self.before_submit,
            on_application=ApplicationListener(waiting=self.told.append),
        )
        client = cast(YarnClient, None)
        cleared = run_submit._clear_cluster(client, submission, self.stop, clock=lambda: self.now_s)
        if isinstance(cleared, ApplicationLimits):
            return cleared
        process, end = cleared
        return process.reason, end.failure


@pytest.fixture
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_submit, "_ASKED_AGAIN_S", 0.0)


@pytest.mark.usefixtures("_at_once")
def test_a_resource_manager_that_is_away_is_waited_for_within_the_limit_of_the_queue() -> None:
    cluster = Cluster(AWAY, AWAY)
    assert cluster.clear() == ApplicationLimits(None, queue_s=30.0, waited_s=30.0)
    assert cluster.told == [str(AWAY)]


@pytest.mark.usefixtures("_at_once")
def test_it_is_waited_for_until_the_limit_of_the_queue() -> None:
    assert Cluster(AWAY, AWAY, AWAY, AWAY).clear() == (
        "timeout",
        f"the submit waited for YARN for 0.5 minutes ({AWAY}) and was ended; raise "
        "queue.minutes of sys_params if it may wait longer",
    )


@pytest.mark.usefixtures("_at_once")
def test_a_script_whose_limit_nobody_sets_is_told_to_raise_none() -> None:
    said = Cluster(AWAY, AWAY, AWAY, AWAY, queue_remedy=LOOK_AT_QUEUE).clear()
    assert str(said).endswith("minutes (" + str(AWAY) + f") and was ended; {LOOK_AT_QUEUE}')")
    limits = Cluster(queue_remedy=LOOK_AT_QUEUE).clear()
    assert isinstance(limits, ApplicationLimits)
    failure = limit_failure("queue", "application_1_1", "queue q is full", limits)
    assert failure == (
        "application_1_1 waited for YARN for 0.5 minutes (queue q is full) and was ended; "
        + LOOK_AT_QUEUE
    )


class Submits:
    """A submit in cluster mode in a thread, while the test holds the only slot."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, answers: Iterable[YarnError | None]
    ) -> None:
        self.answers, self.told, self.looks = iter(answers), list[str](), 0
        self.stop, self.is_waiting = StopSignal(), threading.Event()
        self.ends: list[tuple[ProcessEnd, ApplicationEnd]] = []
        monkeypatch.setattr(run_submit, "shared_gateway", unused_gateway)
        monkeypatch.setattr(run_submit, "_ASKED_AGAIN_S", 0.0)
        end = ProcessEnd(0, "exited", "", 1.0), ApplicationEnd()
        monkeypatch.setattr(run_submit.YarnSubmit, "run", lambda *_: end)
        self.thread = threading.Thread(target=self._run)

    def _look(self, _: YarnClient) -> None:
        self.looks += 1
        if answer := next(self.answers, None):
            raise answer

    def _wait(self, reason: str) -> None:
        self.told.append(reason)
        self.is_waiting.set()

    def _run(self) -> None:
        submission = replace(
            SUBMISSION,
            queue_s=0.2,
            before_submit=self._look,
            on_application=ApplicationListener(waiting=self._wait),
        )
        command = SubmitCommand((), {}, {}, "")
        application = SubmittedApplication("tag", is_cluster=True)
        ended = run_submit._run_on_yarn(
            command, application, submission, 1.0, Surroundings(), self.stop
        )
        self.ends.append(ended)


def unused_gateway(_: object) -> YarnGateway:
    return YarnGateway(["never started"], {})


def test_a_job_whose_resource_manager_is_away_needs_no_slot_for_its_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One that holds the slots as long as it waits kept others from even beginning to wait."""
    job = Submits(monkeypatch, itertools.repeat(AWAY))
    with slot(threading.Event()):
        job.thread.start()
        job.thread.join(10)
        job.stop.set()
    job.thread.join(10)
    ((process, _),) = job.ends
    assert process.reason == "timeout"
    assert job.told == [str(AWAY)]


def test_the_gateway_finds_spark_though_the_job_does_not_inherit_where_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As by ORCH_JOB_ENV '["-*"]', after which another Spark's jars would ask YARN, or none."""
    job, found = Submits(monkeypatch, []), list[str | None]()

    def gateway(environ: Mapping[str, str]) -> YarnGateway:
        found.append(environ.get("ORCH_SPARK_HOME"))
        return YarnGateway(["never started"], {})

    monkeypatch.setenv("ORCH_SPARK_HOME", "/opt/spark")
    monkeypatch.setattr(run_submit, "shared_gateway", gateway)
    job._run()
    assert found == ["/opt/spark"]


@pytest.mark.parametrize("again", [None, AWAY])
def test_a_job_that_has_waited_for_a_slot_looks_again_before_it_submits(
    monkeypatch: pytest.MonkeyPatch, again: YarnError | None
) -> None:
    job = Submits(monkeypatch, [None, again])
    with slot(threading.Event()):
        job.thread.start()
        assert job.is_waiting.wait(10)
    job.thread.join(10)
    ((process, _),) = job.ends
    assert (process.reason, job.looks) == ("exited", 2 if again is None else 3)


def test_a_run_that_is_stopped_meanwhile_has_submitted_nothing() -> None:
    assert Cluster(AWAY, is_stopped=True).clear() == ("stopped", None)


@pytest.mark.parametrize(("reason", "is_asked"), [("exited", True), ("stopped", False)])
def test_a_run_that_was_stopped_does_not_wait_for_what_its_driver_printed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, reason: EndReason, is_asked: bool
) -> None:
    """YARN collects it within half a minute, or never."""
    asked: list[str] = []

    def driver_output(_: Logs, application_id: str, **__: object) -> list[str]:
        asked.append(application_id)
        return []

    monkeypatch.setattr(run_submit, "driver_output", driver_output)
    submission = replace(SUBMISSION, folder=MessageFolder(LocalFiles(tmp_path), "f"))
    end = ApplicationEnd(Application("application_1_1", "KILLED"), "it was killed")
    run_submit.with_driver_output(ProcessEnd(143, reason, "", 1.0), end, submission)
    assert bool(asked) == is_asked


def test_what_it_refuses_fails_the_job() -> None:
    with pytest.raises(YarnError, match="no"):
        Cluster(REFUSED).clear()
