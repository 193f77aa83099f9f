"""YARN's servers end in the middle of a landing: its row, its partition, and what is left."""

from __future__ import annotations

import signal

import pytest
from dagster import DagsterEventType

from tests.endurance.yarn.landings import PAUSE_MS, Landing, Mode
from tests.waiting import wait_until
from tests.yarn_cluster import YarnCluster

pytestmark = [pytest.mark.yarn, pytest.mark.spark, pytest.mark.alone, pytest.mark.timeout(3600)]

BOTH = pytest.mark.parametrize("mode", ["cluster", "client"])
WAITING = "waiting for YARN: "
# As the resource manager says it.
NO_NODE = "Application is added to the scheduler and is not yet activated. Skipping AM assignment"


def test_what_is_stopped_before_a_node_is_there_never_starts(
    landing: Landing, yarn: YarnCluster
) -> None:
    landing.use("cluster")
    yarn.crash("nodemanager")
    landing.submit(state="ACCEPTED")
    landing.run.send_signal(signal.SIGINT)
    row = landing.end()
    assert row["status"] == "Canceled"
    yarn.start("nodemanager")
    yarn.await_node()
    assert landing.made.client.report(landing.application.id).state == "KILLED"
    landing.assert_not_landed()


@BOTH
def test_what_waits_for_a_node_says_so_until_its_time_is_over(
    landing: Landing, yarn: YarnCluster, mode: Mode
) -> None:
    """In its row, its log, Dagit's event log, and what the command line shows."""
    landing.use(mode, system={"queue.minutes": "1"})
    yarn.crash("nodemanager")
    yarn.await_no_node()
    landing.submit(state="ACCEPTED")
    landing.await_reason(NO_NODE)
    row = landing.end()
    assert row["status"].startswith(
        f"Failed: {landing.application.id} waited for YARN for 1 minutes ({NO_NODE}"
    )
    assert row["status"].endswith("raise queue.minutes of sys_params if it may wait longer")
    assert landing.made.client.report(landing.application.id).is_over
    landing.assert_waited(NO_NODE)
    yarn.start("nodemanager")
    yarn.await_node()
    landing.assert_not_landed()


@BOTH
def test_a_resource_manager_that_is_away_is_waited_for(
    landing: Landing, yarn: YarnCluster, mode: Mode
) -> None:
    """Before a submit, for as long as a job may wait; the row names its address."""
    landing.use(mode, system={"queue.minutes": "1"})
    landing.write()
    yarn.crash("resourcemanager")
    landing.start()
    wait_until(
        lambda: WAITING in str(landing.made.row.get("error_message")), "why, in the row", 300
    )
    assert landing.made.row["status"] == "Started"
    landing.run.wait(400)
    yarn.start("resourcemanager")
    yarn.await_node()
    row = landing.end()
    assert row["status"].startswith("Failed: the submit waited for YARN for 1 minutes (")
    assert f":{yarn.rm_address.rpartition(':')[2]} failed on connection" in row["status"]
    assert row["status"].endswith("raise queue.minutes of sys_params if it may wait longer")
    landing.assert_not_landed()


@BOTH
def test_a_name_node_that_comes_back_lands_the_date_at_the_next_attempt(
    landing: Landing, yarn: YarnCluster, mode: Mode
) -> None:
    landing.use(mode, system={"retry.max": "2", "retry.delay": "20"})
    before = landing.made.row["run_id"]
    landing.write()
    yarn.crash("namenode")
    landing.start()

    def has_failed() -> bool:
        run_id = str(landing.made.row["run_id"])
        retried = DagsterEventType.STEP_UP_FOR_RETRY
        return run_id != before and bool(landing.made.home.events(run_id, retried))

    wait_until(has_failed, "the first attempt has failed", timeout_s=400)
    yarn.start("namenode")
    yarn.await_hdfs()
    row = landing.end()
    assert (row["status"], row["row_count"]) == ("Completed", 2)
    assert row["attempts"] > 1
    landing.assert_landed()


@BOTH
def test_a_landing_goes_on_while_the_resource_manager_starts_again(
    landing: Landing, yarn: YarnCluster, mode: Mode
) -> None:
    landing.use(mode)
    landing.begin()
    yarn.crash("resourcemanager")
    yarn.start("resourcemanager")
    row = landing.end()
    assert (row["status"], row["row_count"]) == ("Completed", 2)
    assert row["spark_app_id"] == landing.application.id
    landing.assert_landed()
    yarn.await_node()


def test_a_resource_manager_that_lost_its_applications_leaves_the_end_unknown(
    landing: Landing, yarn: YarnCluster
) -> None:
    landing.use("cluster")
    landing.begin()
    yarn.crash("resourcemanager")
    yarn.forget_applications()
    yarn.start("resourcemanager")
    row = landing.end()
    lost = f"the resource manager does not know {landing.application.id} any more"
    assert row["status"].startswith(f"Failed: unknown how the job ended: {lost}")
    landing.assert_not_landed()
    yarn.await_node()


def test_a_node_that_starts_again_has_lost_its_driver(landing: Landing, yarn: YarnCluster) -> None:
    landing.use("cluster")
    landing.begin()
    yarn.crash("nodemanager")
    yarn.start("nodemanager")
    row = landing.end()
    assert row["status"].startswith(
        f"Failed: {landing.application.id} failed: its node was lost or let go of its container"
    )
    landing.assert_not_landed()
    yarn.await_node()


def test_a_driver_whose_node_is_silent_is_given_up_and_lands_nothing(
    landing: Landing, yarn: YarnCluster
) -> None:
    """It runs on without its node manager, until it hears that it is given up."""
    landing.use("cluster")
    landing.begin(PAUSE_MS * 8)
    with yarn.silenced("nodemanager"):
        row = landing.end()
    assert row["status"].startswith(f"Failed: {landing.application.id} failed: its node was lost")
    landing.assert_not_landed()
    yarn.await_node()


def test_another_node_takes_over_from_a_lost_one(landing: Landing, yarn: YarnCluster) -> None:
    """The lock of the dead driver names another host, and YARN tells that it has ended."""
    landing.use("cluster", system={"retry.max": "1", "retry.delay": "5"})
    landing.begin()
    yarn.start("other-nodemanager")
    yarn.await_node(2)
    yarn.crash("nodemanager")
    row = landing.end()
    assert (row["status"], row["row_count"], row["attempts"]) == ("Completed", 2, 2)
    assert row["spark_app_id"] != landing.application.id
    landing.assert_landed()
    yarn.start("nodemanager")
    yarn.await_node(2)
    yarn.stop("other-nodemanager")
