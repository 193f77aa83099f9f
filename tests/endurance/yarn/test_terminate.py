"""Dagit's Terminate while a date lands on YARN: the application ends before the row says so."""

from __future__ import annotations

import pytest

from tests.dagster_dev import dagster_dev
from tests.endurance.yarn.landings import JOB, PAUSE_MS, Landing, Mode
from tests.homes import BIZ_DT

pytestmark = [pytest.mark.yarn, pytest.mark.spark, pytest.mark.alone, pytest.mark.timeout(3600)]


def test_it_cancels_the_run_and_kills_its_application(landing: Landing) -> None:
    modes: tuple[Mode, ...] = ("cluster", "client")
    with dagster_dev(landing.made.home) as served:
        for mode in modes:
            landing.use(mode)
            before = landing.made.row["spark_app_id"]
            landing.write(PAUSE_MS * 8)
            run_id = served.materialize("ins", "sys", JOB, biz_dt=BIZ_DT)
            found = landing.made.application("RUNNING", after=before)
            landing.await_task(found.id)
            served.terminate(run_id)
            assert served.end_of(run_id) == "CANCELED"
            row = landing.made.row
            assert (row["run_id"], row["status"]) == (run_id, "Canceled")
            # A driver here may end its application by itself.
            ends = ("KILLED",) if mode == "cluster" else ("FINISHED", "FAILED", "KILLED")
            assert landing.made.client.report(found.id).state in ends
            assert landing.made.yarn.staging() == []
            landing.assert_not_landed()
    landing.made.assert_nothing_left()
