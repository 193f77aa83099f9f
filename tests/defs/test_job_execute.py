"""kill -9 of `dagster job execute` while its real JVM runs."""

from __future__ import annotations

from subprocess import DEVNULL, Popen

import dagster as dg
import pytest

from tests.homes import STORE_URL, Home
from tests.waiting import wait_until

JOB = "etl_lnd_gels_fpms_t_contract_master"


@pytest.mark.spark
def test_kill_9_of_the_orchestrator_leaves_no_process_and_the_sensor_says_so(
    sample_home: Home,
) -> None:
    run = Popen(
        sample_home.execute_command(JOB),
        env=sample_home.environ,
        cwd=sample_home.folder,
        stdout=DEVNULL,
        stderr=DEVNULL,
    )
    wait_until(lambda: "java" in sample_home.process_names(), "the job's JVM", timeout_s=60)
    assert run.poll() is None
    run.kill()
    run.wait()
    wait_until(lambda: not sample_home.process_names(), "the end of all processes", timeout_s=10)
    (row,) = sample_home.log_rows(JOB)
    assert row["status"] == "Started"

    tick_sensor(sample_home)
    (row,) = sample_home.log_rows(JOB)
    assert row["status"] == "Failed: the orchestrator died"
    tick_sensor(sample_home)
    assert sample_home.log_rows(JOB) == [row]


def tick_sensor(home: Home) -> None:
    """One tick of the sensor's work, on the instance and the store of the home."""
    from orch_dagster.control.connect import open_store
    from orch_dagster.defs.sensors import fail_dead_runs, project_ended_runs

    store = open_store(STORE_URL, home.folder)
    with dg.DagsterInstance.from_config(home.environ["DAGSTER_HOME"]) as instance:
        fail_dead_runs(instance)
        project_ended_runs(instance, store, {JOB: "JOB_1001"}, {})
    store.close()
