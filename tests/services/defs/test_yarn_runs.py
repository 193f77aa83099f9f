"""Runs on a real YARN, whose node sees nothing of the orchestrator: their application ends too."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from orch_dagster.spark.yarn.gateway import YarnClient
from orch_dagster.spark.yarn.report import Application
from tests.homes import BIZ_DT, home_of_job
from tests.waiting import wait_until
from tests.yarn_cluster import YarnCluster
from tests.yarn_homes import YarnHome

pytestmark = [pytest.mark.yarn, pytest.mark.spark]

JOB = "etl_lnd_ins_sys_t"
# It lands nothing: its end is what is tried.
SLEEPER = """
import sys, time
from framework import get_logger, get_spark
get_logger("sleeper").info("up")
get_spark()
time.sleep(600)
"""
EXITING = SLEEPER.replace("time.sleep(600)", "sys.exit(3)")
CONTEXT = {"entity": "INS", "source_system": "SYS", "sources": [], "sinks": []}


def assert_killed(home: YarnHome, application: Application) -> Application:
    """Nothing of an application goes on, or is left on HDFS."""
    ended = home.client.report(application.id)
    assert ended.state == "KILLED"
    assert application.id not in home.yarn.staging()
    return ended


Make = Callable[..., YarnHome]


@pytest.fixture
def make(yarn: YarnCluster, client: YarnClient, tmp_path: Path) -> Iterator[Make]:
    """Makes a home of one job in cluster mode."""
    made: list[YarnHome] = []

    def home(
        script: str = SLEEPER,
        system: dict[str, str] | None = None,
        context: dict[str, Any] | None = None,
        **spark: str,
    ) -> YarnHome:
        folder = tmp_path / f"home-{len(made)}"
        of_job = home_of_job(folder, JOB, script, {**CONTEXT, **(context or {})})
        of_job.environ |= yarn.environ
        of_job.set_params({**yarn.spark_properties("cluster"), **spark}, system or {})
        made.append(YarnHome(of_job, JOB, yarn, client))
        return made[-1]

    yield home
    for each in made:
        each.close()


@pytest.mark.parametrize(
    ("mode", "ends_by"), [("client", "interrupt"), ("cluster", "interrupt"), ("cluster", "timeout")]
)
def test_the_application_has_ended_before_the_row_says_so(
    make: Make, mode: str, ends_by: str
) -> None:
    """In cluster mode the submit has left long before."""
    limit = {"timeout_minutes": 0.4} if ends_by == "timeout" else {}
    home = make(context=limit, **{"spark.submit.deployMode": mode})
    run = home.start()
    application = home.application("RUNNING")
    if mode == "cluster":
        home.await_submit(run)
    assert home.row["status"] == "Started"
    if ends_by == "interrupt":
        # What a driver says is here while it runs, wherever it does.
        (log,) = (home.home.folder / "logs").glob("*.log")
        wait_until(lambda: "[sleeper] up" in log.read_text(), "its line", timeout_s=120)
        assert home.client.report(application.id).state == "RUNNING"
        run.send_signal(signal.SIGINT)
    wait_until(lambda: home.row["status"] != "Started", "the end", timeout_s=180)
    # At once, as the row came after it.
    ended = home.client.report(application.id)
    assert ended.is_over
    assert application.id not in home.yarn.staging()
    # In client mode the driver may end it before it is killed.
    assert mode == "client" or ended.state == "KILLED"
    if ends_by == "interrupt":
        assert mode == "client" or "its run was stopped on request" in ended.diagnostics
        assert home.row["status"] == "Canceled"
    else:
        assert "it ran longer than timeout_minutes" in ended.diagnostics
        assert home.row["status"] == (
            "Failed: timed out after 24 seconds and was stopped; raise timeout_minutes if it "
            "needs more"
        )
    run.wait(120)
    home.assert_nothing_left()


def test_the_death_of_a_submit_leaves_no_application(make: Make) -> None:
    """Before it is through; of one that waits: tests/endurance/yarn/test_kills.py."""
    home = make()
    run = home.start()
    wait_until(lambda: home.below(run, "SparkSubmit"), "the submit's JVM", timeout_s=180)
    for each in home.below(run, "SparkSubmit"):
        each.kill()
    assert run.wait(240) == 1
    assert "137" in home.row["status"]
    of_run = home.client.find(str(home.row["run_id"]))
    assert all(each.is_over for each in of_run)


def test_a_killed_orchestrator_leaves_no_application(make: Make) -> None:
    home = make()
    run = home.start()
    application = home.application("RUNNING")
    home.await_submit(run)
    # Another gateway follows and guards it.
    gateways = home.below(run, "gateway_script.py")
    for each in gateways:
        each.kill()
    wait_until(lambda: set(home.below(run, "gateway_script.py")) - {*gateways}, "the next", 180)
    assert home.client.report(application.id).state == "RUNNING"
    run.send_signal(signal.SIGKILL)
    home.yarn.await_state(application.id, "KILLED", timeout_s=180)
    wait_until(lambda: home.home.process_names() == [], "no process is left", timeout_s=180)
    assert_killed(home, application)
    home.home.orch("log", "rebuild")
    assert home.row["status"] == "Failed: the orchestrator died"
    home.assert_nothing_left()


def test_the_exit_code_is_the_drivers(make: Make) -> None:
    home = make(EXITING)
    done = home.home.orch("run", JOB, "--biz-dt", BIZ_DT, check=False)
    assert done.returncode == 1, done.stdout
    application = home.client.report(str(home.row["spark_app_id"]))
    assert home.row["status"] == f"Failed: exit code 3 of the driver of {application.id}"


def test_what_a_dead_run_left_is_ended_before_its_date_runs_again(make: Make) -> None:
    home = make()
    left = home.leave_running()
    home.yarn.await_state(left.id, "RUNNING")
    home.start()
    wait_until(lambda: home.row.get("spark_app_id") not in (None, left.id), "the next", 300)
    assert "its orchestrator died" in assert_killed(home, left).diagnostics
    lives = home.application("RUNNING")
    assert lives.id != left.id
    third = home.home.orch("run", JOB, "--biz-dt", BIZ_DT, check=False)
    assert third.returncode == 1
    refused = home.home.log_rows(JOB)[0]["status"]
    assert refused.startswith(f"Failed: {lives.id} of run ")
    assert f"is RUNNING and lands {BIZ_DT}: wait for it" in refused
    assert home.client.report(lives.id).state == "RUNNING"


def test_the_sensor_ends_what_a_dead_run_left_before_it_fails_the_run(make: Make) -> None:
    home = make()
    left = home.leave_running()
    home.home.tick_sensor()
    assert_killed(home, left)
    assert home.row["status"] == "Failed: the orchestrator died"


def test_a_job_that_waits_for_too_long_is_ended_and_says_why(make: Make) -> None:
    full = make(**{"spark.driver.memory": "2200m"})
    full.start()
    full.application("RUNNING")
    home = make(system={"queue.minutes": "0.25"})
    run = home.start()
    wait_until(lambda: "for AM" in str(home.row.get("error_message")), "why, in the row", 90)
    assert home.row["status"] == "Started"
    shown = home.home.orch("log", "--job", JOB).stdout
    assert "waiting for YARN: " in shown
    printed, _ = run.communicate(timeout=300)
    assert run.returncode == 1
    assert f"{JOB} is waiting for YARN: " in printed
    application = home.client.report(str(home.row["spark_app_id"]))
    assert application.state == "KILLED"
    assert application.id not in home.yarn.staging()
    status = home.row["status"]
    assert status.startswith(f"Failed: {application.id} waited for YARN for 0.25 minutes (")
    assert "raise queue.minutes" in status
    (log,) = (home.home.folder / "logs").glob("*.log")
    assert f"{JOB}: is waiting for YARN: " in log.read_text()
