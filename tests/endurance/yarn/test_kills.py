"""A process of a landing on YARN is killed: its row, its partition, and what is left."""

from __future__ import annotations

import pytest

from tests.endurance.yarn.landings import (
    DRIVER_JVM,
    DRIVER_PYTHON,
    EXECUTOR,
    PAUSE_MS,
    SUBMIT,
    Landing,
    Mode,
)
from tests.waiting import wait_until

pytestmark = [pytest.mark.yarn, pytest.mark.spark, pytest.mark.alone, pytest.mark.timeout(3600)]

BOTH = pytest.mark.parametrize("mode", ["cluster", "client"])
# As the row has it, of a process that another one saw end.
SIGKILLED = "(exit code 137, SIGKILL)"
# A driver here may end its application by itself.
ENDS = {"cluster": ("KILLED",), "client": ("FINISHED", "FAILED", "KILLED")}


@pytest.mark.parametrize("program", [DRIVER_JVM, DRIVER_PYTHON], ids=["jvm", "python"])
def test_a_killed_driver_fails_the_date_and_leaves_its_rows(
    landing: Landing, program: tuple[str, str]
) -> None:
    landing.use("cluster")
    landing.begin()
    landing.kill(program)
    row = landing.end()
    failed = f"Failed: {landing.application.id} failed: its driver was killed {SIGKILLED}"
    assert row["status"].startswith(failed)
    assert row["row_count"] is None
    landing.assert_not_landed()


@pytest.mark.parametrize("program", [SUBMIT, DRIVER_PYTHON], ids=["jvm", "python"])
def test_a_killed_driver_here_fails_the_date_and_leaves_its_rows(
    landing: Landing, program: tuple[str, str]
) -> None:
    landing.use("client")
    landing.begin()
    landing.kill(program)
    row = landing.end()
    assert row["status"].startswith(f"Failed: killed {SIGKILLED}")
    assert row["row_count"] is None
    landing.assert_not_landed()


@BOTH
def test_another_executor_takes_over_from_a_killed_one(landing: Landing, mode: Mode) -> None:
    landing.use(mode)
    landing.begin()
    landing.kill(EXECUTOR)
    row = landing.end()
    assert (row["status"], row["row_count"]) == ("Completed", 2)
    assert row["spark_app_id"] == landing.application.id
    landing.assert_landed()


@BOTH
def test_the_last_executor_that_may_be_lost_fails_the_date(landing: Landing, mode: Mode) -> None:
    landing.use(mode, {"spark.task.maxFailures": "1"})
    landing.begin()
    landing.kill(EXECUTOR)
    row = landing.end()
    assert row["status"].startswith("Failed: a Spark executor was lost: ")
    landing.assert_not_landed()


def test_the_death_of_a_submit_that_waits_ends_the_application(landing: Landing) -> None:
    landing.use("cluster", {"spark.yarn.submit.waitAppCompletion": "true"})
    landing.begin()
    landing.kill(SUBMIT)
    row = landing.end()
    application = landing.made.client.report(landing.application.id)
    assert application.state == "KILLED"
    assert row["status"].startswith(f"Failed: {application.id} was killed by user ")
    assert "its submit process ended with exit code 137" in row["status"]
    landing.assert_not_landed()


@BOTH
def test_a_killed_orchestrator_lands_nothing(landing: Landing, mode: Mode) -> None:
    """The guard of the application outlives the orchestrator, and ends it."""
    landing.use(mode)
    landing.begin(PAUSE_MS * 8)
    landing.run.kill()
    landing.made.yarn.await_state(landing.application.id, *ENDS[mode])
    landing.made.home.orch("log", "rebuild")
    row = landing.end()
    assert (row["status"], row["row_count"]) == ("Failed: the orchestrator died", None)
    assert row["spark_app_id"] == landing.application.id
    landing.assert_not_landed()


def test_a_rebuild_ends_what_nobody_follows_any_more(landing: Landing) -> None:
    """The orchestrator has died, and with it all who guarded its application."""
    landing.use("cluster")
    landing.begin(PAUSE_MS * 8)
    landing.made.abandon(landing.run)
    assert landing.made.client.report(landing.application.id).state == "RUNNING"
    landing.made.home.orch("log", "rebuild")
    ended = landing.made.client.report(landing.application.id)
    assert ended.state == "KILLED"
    assert "its orchestrator died" in ended.diagnostics
    row = landing.end()
    assert (row["status"], row["row_count"]) == ("Failed: the orchestrator died", None)
    landing.assert_not_landed()


def test_the_application_of_a_driver_here_has_ended_before_a_timeout_is_told(
    landing: Landing,
) -> None:
    """In cluster mode: tests/services/defs/test_yarn_runs.py."""
    landing.use("client", timeout_minutes=1)
    landing.begin(PAUSE_MS * 8)
    wait_until(lambda: landing.made.row["status"] != "Started", "the end", timeout_s=300)
    # At once, as the row came after it.
    assert landing.made.client.report(landing.application.id).is_over
    assert landing.application.id not in landing.made.yarn.staging()
    row = landing.end()
    assert row["status"] == (
        "Failed: timed out after 1 minute and was stopped; raise timeout_minutes if it needs more"
    )
    landing.assert_not_landed()
