"""A job that loses an executor is tried again, and only for the dates that did not land."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from dagster import DagsterEventType

from tests.homes import Home, home_of_job
from tests.waiting import wait_until

JOB = "etl_lnd_ins_sys_t"
DAYS = ("2024-05-15", "2024-05-16")

# The function ends its executor the first time that it sees the second date.
SCRIPT = """
import os, pathlib, signal
import psutil
from framework import get_spark, run_landing

ONCE = pathlib.Path(os.environ["JOB_BASE_DIR"], "once")

def shaken(text):
    if text == "2024-05-16" and not ONCE.exists():
        ONCE.touch()
        (jvm, *_) = [p for p in psutil.Process().parents() if "java" in p.name()]
        jvm.send_signal(signal.SIGKILL)
    return text

get_spark().udf.register("shaken", shaken)
run_landing()
"""
HQL = "SELECT id, shaken('${hivevar:biz_dt}') AS day FROM row1"


def shaky_home(folder: Path) -> Home:
    home = home_of_job(
        folder,
        JOB,
        SCRIPT,
        {
            "sources": [{"format": "csv", "path": "in.csv", "options": {"header": "true"}}],
            "hql": "shaken.hql",
            "sinks": [{"format": "orc", "path": "out/t", "partition_cols": ["biz_dt"]}],
        },
        {"shaken.hql": HQL},
    )
    (home.folder / "in.csv").write_text("id\n1\n2\n")
    spark = {
        "spark.master": "local-cluster[1,1,512]", "spark.executor.memory": "512m",
        "spark.task.maxFailures": "1", "spark.ui.enabled": "false",
    }  # fmt: skip
    home.orch("open", "INS", "SYS", DAYS[1])
    home.set_params(spark, {"retry.max": "1", "retry.delay": "0.5"})
    return home


@pytest.mark.spark
def test_only_the_date_that_lost_its_executor_is_tried_again(tmp_path: Path) -> None:
    home = shaky_home(tmp_path / "home")
    (run,) = home.json("run", JOB, "--from", DAYS[0], "--to", DAYS[1])
    first, second = sorted(run["execution_log"], key=lambda row: row["biz_dt"])
    assert run["success"]
    assert [(row["status"], row["attempts"]) for row in (first, second)] == [
        ("Completed", 1),
        ("Completed", 2),
    ]
    assert first["spark_app_id"] != second["spark_app_id"]
    # Both attempts' time, as it is made anew from the event log.
    rows = home.log_rows(JOB)
    assert home.json("log", "rebuild")["written"] == 0
    assert home.log_rows(JOB) == rows
    (retry,) = home.events(run["run_id"], DagsterEventType.STEP_UP_FOR_RETRY)
    assert retry.step_retry_data.seconds_to_wait == 0.5
    landed = home.events(run["run_id"], DagsterEventType.ASSET_MATERIALIZATION)
    assert [event.partition for event in landed] == [*DAYS]
    (log,) = (home.folder / "logs").glob("job_*.log")
    said = log.read_text()
    reason = f"{DAYS[1]}: a Spark executor was lost: ExecutorLostFailure"
    assert f"attempt 1 of 2 failed, the next one is in 0.5 s: {reason}" in said


@pytest.mark.spark
def test_a_job_whose_port_is_in_use_lands_when_it_is_free(tmp_path: Path) -> None:
    context = {
        "sources": [{"format": "csv", "path": "in.csv", "options": {"header": "true"}}],
        "sinks": [{"format": "orc", "path": "out/t", "partition_cols": ["biz_dt"]}],
    }
    home = home_of_job(
        tmp_path / "home", JOB, "from framework import run_landing\n\nrun_landing()\n", context
    )
    (home.folder / "in.csv").write_text("id,biz_dt\n1,2024-05-15\n")
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        spark = {"spark.driver.port": str(taken.getsockname()[1]), "spark.port.maxRetries": "0"}
        home.set_params(spark, {"retry.max": "1", "retry.delay": "1"})
        run = subprocess.Popen(
            [sys.executable, "-m", "orch_dagster.cli", "run", JOB, "--biz-dt", DAYS[0]],
            env=home.environ,
            cwd=home.folder,
        )
        logs = home.folder / "logs"
        wait_until(
            lambda: any(
                "attempt 1 of 2 failed, the next one is in 1 s: a port that Spark needs is in use: "
                in log.read_text()
                for log in logs.glob("job_*.log")
            ),
            "the first attempt's end",
            timeout_s=300,
        )
    assert run.wait(300) == 0
    (row,) = home.log_rows(JOB)
    assert (row["status"], row["attempts"]) == ("Completed", 2)
