from __future__ import annotations

from typing import Any, cast

import pytest

from orch_dagster.defs.step.shared_applications import (
    Key,
    RunApplications,
    applications_of,
    close_applications,
    open_applications,
)
from orch_dagster.spark.process import EndReason, ProcessEnd
from orch_dagster.spark.shared import SharedApplication


class Application:
    """Stands in for a process: whether it was asked to end, and to close."""

    def __init__(self) -> None:
        self.takes_jobs = True
        self.is_closed = False
        self.ends_before: list[str] = []
        self.jobs: list[str] = []

    def end(self) -> None:
        self.takes_jobs = False

    def ended_before(self, job: str) -> bool:
        return job in self.ends_before

    def close(self) -> None:
        self.is_closed = True


class Run:
    def __init__(self) -> None:
        self.applications = RunApplications()
        self.started: list[Application] = []

    def _start(self, number: int) -> SharedApplication:
        assert number == len(self.started) + 1
        self.started.append(Application())
        return cast(SharedApplication, self.started[-1])

    def join(self, job: str, key: object = "one") -> Application:
        def hand_over(found: SharedApplication) -> None:
            cast(Any, found).jobs.append(job)

        joined = self.applications.join(cast(Key, key), hand_over, self._start)
        return cast(Application, joined)

    def land(self, job: str, dies_first: set[int], reason: EndReason = "exited") -> ProcessEnd:
        """Land a job; the applications of these numbers die before they begin with it."""

        def hand_over(found: SharedApplication) -> None:
            cast(Any, found).jobs.append(job)

        def wait(found: SharedApplication) -> ProcessEnd:
            application = cast(Application, cast(Any, found))
            if self.started.index(application) + 1 not in dies_first:
                return ProcessEnd(0, reason, "", 1)
            application.takes_jobs = False
            application.ends_before.append(job)
            return ProcessEnd(137, reason, "", 1)

        return self.applications.land(cast(Key, "one"), job, hand_over, wait, self._start)[1]


@pytest.fixture
def run() -> Run:
    return Run()


def test_jobs_of_one_key_share(run: Run) -> None:
    assert run.join("a") is run.join("b")
    assert run.join("c", "another") is not run.join("d")
    assert [each.jobs for each in run.started] == [["a", "b", "d"], ["c"]]


def test_one_that_takes_no_more_jobs_is_replaced(run: Run) -> None:
    first = run.join("a")
    first.takes_jobs = False
    assert run.join("a") is not first


def test_a_job_that_an_application_died_before_lands_in_another(run: Run) -> None:
    run.join("a")

    assert run.land("b", dies_first={1, 2}).exit_code == 0

    assert [each.jobs for each in run.started] == [["a", "b"], ["b"], ["b"]]


def test_a_job_that_was_stopped_is_handed_to_no_other(run: Run) -> None:
    assert run.land("a", dies_first={1}, reason="stopped").exit_code == 137
    assert len(run.started) == 1


def test_the_end_of_the_run_closes_all() -> None:
    open_applications("r")
    applications = applications_of("r")
    assert applications is not None
    run = Run()
    run.applications = applications
    run.join("a")
    close_applications("r")
    assert run.started[0].is_closed
    assert applications_of("r") is None
    close_applications("r")
