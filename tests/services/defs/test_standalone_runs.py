"""Runs whose standalone master is away, or has no worker: the row has the scheduler's reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.homes import BIZ_DT, Home, home_of_job
from tests.standalone_cluster import Standalone

pytestmark = [pytest.mark.spark]

JOB = "etl_lnd_ins_sys_t"
SCRIPT = """
from framework import get_spark
print(get_spark().range(5).count())
"""
CONTEXT = {"entity": "INS", "source_system": "SYS", "sources": [], "sinks": []}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home of one job, which may wait for workers for a quarter of a minute."""
    made = home_of_job(tmp_path / "home", JOB, SCRIPT, CONTEXT)
    made.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    made.set_params({}, {"queue.minutes": "0.25"})
    return made


def failure(home: Home, address: str) -> str:
    """The status of a run on the master there, of which nothing is left."""
    home.set_params({"spark.master": f"spark://{address}"}, {})
    done = home.orch("run", JOB, "--biz-dt", BIZ_DT, check=False)
    assert done.returncode == 1, done.stdout
    assert home.process_names() == []
    return home.log_rows(JOB)[0]["status"]


def test_a_master_without_a_worker_is_told_and_then_away(home: Home, tmp_path: Path) -> None:
    with Standalone(tmp_path, [], has_worker=False) as master:
        waited = failure(home, master.address)
    assert waited.startswith("Failed: no worker took its tasks for 0.25 minutes (Initial job has")
    assert waited.endswith("raise queue.minutes of sys_params if it may wait longer")
    away = failure(home, master.address)
    silent = f"no Spark master answered within 15 seconds: {master.address} ("
    assert away.startswith(f"Failed: {silent}")
