"""The real `dagster dev` with its control tables in Kudu, through outages and pauses."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from orch_dagster.sample.rows import JOB_NAME
from tests.dagster_dev import Dev, dagster_dev, until
from tests.homes import BIZ_DT, Home
from tests.kudu_cluster import KuduCluster, sample_home_on

pytestmark = [pytest.mark.kudu, pytest.mark.spark]

PAUSE_S = 20


@pytest.fixture(scope="module")
def served(
    own_kudu: KuduCluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Home, Dev]]:
    """A home with the sample, its store on a Kudu of its own, served."""
    home = sample_home_on(own_kudu, tmp_path_factory.mktemp("dev") / "home")
    with dagster_dev(home) as dev:
        yield home, dev


def row_of(home: Home, run_id: str) -> dict[str, Any] | None:
    """The run's row of execution_log, once it has ended."""
    ended = (row for row in home.log_rows(JOB_NAME) if row["status"] != "Started")
    return next((row for row in ended if row["run_id"] == run_id), None)


# Of three runs, one waits for its store at each word.
@pytest.mark.timeout(600)
def test_the_page_through_an_outage(own_kudu: KuduCluster, served: tuple[Home, Dev]) -> None:
    home, dev = served
    first = dev.materialize("gels", "fpms", JOB_NAME, biz_dt=BIZ_DT)
    assert dev.end_of(first) == "SUCCESS"
    assert until(lambda: row_of(home, first), 180, "the first run's row")["status"] == "Completed"

    with own_kudu.stopped("MASTER", "TSERVER"):
        assert JOB_NAME in dev.reload()
        assert "The jobs shown are those of" in (home.folder / "dev.log").read_text()
        failed = dev.materialize("gels", "fpms", JOB_NAME, biz_dt=BIZ_DT)
        assert dev.end_of(failed) == "FAILURE"
    # No reload: the location that loaded without its store, and its sensor.
    row = until(lambda: row_of(home, failed), 300, "the row that could not be written")
    assert row["status"].startswith("Failed: control store kudu://")
    again = dev.materialize("gels", "fpms", JOB_NAME, biz_dt=BIZ_DT)
    assert dev.end_of(again) == "SUCCESS"
    assert len(home.log_rows(JOB_NAME)) == 3


def test_the_page_through_a_pause(own_kudu: KuduCluster, served: tuple[Home, Dev]) -> None:
    """A run begins in the pause too, which waits for the store; the page does not."""
    home, dev = served
    before = len(home.log_rows(JOB_NAME))
    over = threading.Event()
    pause = threading.Timer(PAUSE_S, over.set)
    with own_kudu.paused("TSERVER"), own_kudu.paused("MASTER"):
        pause.start()
        waiting = dev.materialize("gels", "fpms", JOB_NAME, biz_dt=BIZ_DT)
        answers = 0
        while not over.wait(0.5):
            # Each within the time that `ask` gives the page.
            assert dev.sick_daemons() == []
            assert dev.run(waiting)["status"] != "CANCELED"
            answers += 1
        assert answers > 0
    assert dev.end_of(waiting) in {"SUCCESS", "FAILURE"}
    assert until(lambda: row_of(home, waiting), 300, "the row of the paused run")["end_time"]
    assert len(home.log_rows(JOB_NAME)) == before + 1
