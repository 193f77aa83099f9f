"""An application that runs and gets no executors: its row, its log and its page say so."""

from __future__ import annotations

import pytest
from dagster import DagsterEventType

from tests.endurance.yarn.conftest import MEMORY_MB
from tests.endurance.yarn.landings import JOB, Landing, Mode
from tests.waiting import wait_until

pytestmark = [pytest.mark.yarn, pytest.mark.spark, pytest.mark.alone, pytest.mark.timeout(3600)]

# Beside the driver, or the application master, too much for the node by itself.
EXECUTOR_MEMORY = f"{MEMORY_MB - 800}m"


@pytest.mark.parametrize("mode", ["cluster", "client"])
def test_it_is_told_while_it_waits_and_when_its_time_is_over(landing: Landing, mode: Mode) -> None:
    landing.use(mode, {"spark.executor.memory": EXECUTOR_MEMORY}, timeout_minutes=2)
    landing.submit()
    application = landing.application
    reason = f"queue {application.queue} has given {application.id} no container for executors"
    waiting = f"waiting for YARN: {reason}"
    wait_until(lambda: landing.made.row["error_message"] == waiting, "why, in the row", 300)
    assert landing.made.row["status"] == "Started"
    assert f"{JOB}: is {waiting}" in landing.log()
    row = landing.end()
    assert row["status"] == (
        f"Failed: timed out after 2 minutes and was stopped: {reason}; look at the queue, and at "
        "the memory and the cores that its executors ask for"
    )
    events = landing.made.home.events(str(row["run_id"]), DagsterEventType.ENGINE_EVENT)
    assert f"{JOB} is {waiting}" in [each.message for each in events]
    assert f"{JOB} is {waiting}" in landing.printed
    landing.assert_not_landed()
