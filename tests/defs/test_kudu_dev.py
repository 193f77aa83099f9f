"""The real `dagster dev` with its control tables in Kudu, through outages and pauses."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from orch_dagster.sample.rows import JOB_NAME
from tests.dagster_dev import dagster_dev, until
from tests.homes import BIZ_DT, Home
from tests.kudu_cluster import KuduCluster

pytestmark = [pytest.mark.kudu, pytest.mark.spark]

PAUSE_S = 20


def test_the_page_through_an_outage_and_a_pause(own_kudu: KuduCluster, kudu_home: Home) -> None:
    def row_of(run_id: str) -> dict[str, Any] | None:
        ended = (row for row in kudu_home.log_rows(JOB_NAME) if row["status"] != "Started")
        return next((row for row in ended if row["run_id"] == run_id), None)

    def said() -> str:
        return (kudu_home.folder / "dev.log").read_text()

    with dagster_dev(kudu_home) as dev:
        first = dev.materialize("gels", "fpms", JOB_NAME, biz_dt=BIZ_DT)
        assert dev.end_of(first) == "SUCCESS"
        assert until(lambda: row_of(first), 60, "the first run's row")["status"] == "Completed"

        with own_kudu.stopped("MASTER", "TSERVER"):
            assert JOB_NAME in dev.reload()
            assert "The jobs shown are those of" in said()
            failed = dev.materialize("gels", "fpms", JOB_NAME, biz_dt=BIZ_DT)
            assert dev.end_of(failed) == "FAILURE"
        # No reload: the location that loaded without its store, and its sensor.
        row = until(lambda: row_of(failed), 120, "the row that could not be written")
        assert row["status"].startswith("Failed: control store kudu://")
        again = dev.materialize("gels", "fpms", JOB_NAME, biz_dt=BIZ_DT)
        assert dev.end_of(again) == "SUCCESS"

        # A run begins in the pause too, which waits for the store; the page does not.
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
        assert until(lambda: row_of(waiting), 120, "the row of the paused run")["end_time"]
        assert len(kudu_home.log_rows(JOB_NAME)) == 4
