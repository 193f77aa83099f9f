"""Submits of an orchestrator: so many of them at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest

from orch_dagster.defs.step import run_submit
from orch_dagster.spark.yarn.follow import ApplicationListener
from orch_dagster.spark.yarn.submitted import SubmittedApplication


@pytest.fixture(autouse=True)
def one_slot(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    slots = threading.BoundedSemaphore(1)
    monkeypatch.setattr(run_submit, "_submits", lambda: slots)
    yield
    # All have given back what they had.
    assert slots.acquire(blocking=False)


def slot(
    stop: threading.Event,
    told: list[str] | None = None,
    *,
    is_cluster: bool = True,
    waits: bool = False,
) -> AbstractContextManager[None]:
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
