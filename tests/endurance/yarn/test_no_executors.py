"""An application that runs and gets no executors: its row, its log and its page say so."""

from __future__ import annotations

import pytest

from tests.endurance.yarn.conftest import MEMORY_MB
from tests.endurance.yarn.landings import Landing, Mode

pytestmark = [pytest.mark.yarn, pytest.mark.spark, pytest.mark.alone, pytest.mark.timeout(3600)]

# Beside the driver, or the application master, too much for the node by itself.
EXECUTOR_MEMORY = f"{MEMORY_MB - 800}m"


@pytest.mark.parametrize("mode", ["cluster", "client"])
def test_it_is_told_while_it_waits_and_when_its_time_is_over(landing: Landing, mode: Mode) -> None:
    landing.use(mode, {"spark.executor.memory": EXECUTOR_MEMORY}, timeout_minutes=2)
    landing.submit()
    application = landing.application
    reason = f"queue {application.queue} has given {application.id} no container for executors"
    landing.await_reason(reason)
    row = landing.end()
    assert row["status"] == (
        f"Failed: timed out after 2 minutes and was stopped: {reason}; look at the queue, and at "
        "the memory and the cores that its executors ask for"
    )
    landing.assert_waited(reason)
    landing.assert_not_landed()
