"""kill -9 of `dagster job execute` while its real JVM runs."""

from __future__ import annotations

from pathlib import Path
from subprocess import DEVNULL, Popen

import pytest
from dagster import DagsterInstance

from tests.homes import Home, copied_home
from tests.waiting import wait_until

JOB = "etl_lnd_gels_fpms_t_contract_master"


@pytest.mark.spark
def test_kill_9_of_the_orchestrator_leaves_no_process_and_the_sensor_says_so(
    sample_home: Home, tmp_path: Path
) -> None:
    run = Popen(
        sample_home.execute_command(JOB),
        env=sample_home.environ,
        cwd=sample_home.folder,
        stdout=DEVNULL,
        stderr=DEVNULL,
    )
    wait_until(lambda: "java" in sample_home.process_names(), "the job's JVM", timeout_s=180)
    assert run.poll() is None
    run.kill()
    run.wait()
    wait_until(lambda: not sample_home.process_names(), "the end of all processes", timeout_s=180)
    (row,) = sample_home.log_rows(JOB)
    assert row["status"] == "Started"

    deleted = copied_home(sample_home, tmp_path / "deleted")
    with DagsterInstance.from_config(deleted.environ["DAGSTER_HOME"]) as instance:
        instance.delete_run(row["run_id"])
    assert deleted.json("log", "rebuild")["died"] == [row["run_id"]]
    (of_deleted,) = deleted.log_rows(JOB)
    assert of_deleted["status"] == (
        "Failed: the run was deleted in Dagster before its end was recorded, and its process is "
        "gone"
    )

    sample_home.tick_sensor()
    (row,) = sample_home.log_rows(JOB)
    assert row["status"] == "Failed: the orchestrator died"
    sample_home.tick_sensor()
    assert sample_home.log_rows(JOB) == [row]
