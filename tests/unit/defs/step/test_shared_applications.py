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
from orch_dagster.spark.shared import SharedApplication


class Application:
    """Stands in for a process: whether it was asked to end, and to close."""

    def __init__(self) -> None:
        self.takes_jobs = True
        self.is_closed = False
        self.jobs: list[str] = []

    def end(self) -> None:
        self.takes_jobs = False

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
