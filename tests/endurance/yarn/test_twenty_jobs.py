"""Twenty jobs of one run at once on YARN, in client and cluster mode: a true row for each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from orch_dagster.spark.yarn.gateway import YarnClient, YarnGateway
from tests.homes import BIZ_DT, Home, home_of_job
from tests.waiting import wait_until
from tests.yarn_cluster import YarnCluster, yarn_cluster

pytestmark = [pytest.mark.yarn, pytest.mark.spark, pytest.mark.alone]

JOBS = 20
FAILING = range(0, JOBS, 5)
GROUP = "ins_sys"
# A session, as YARN fails a driver without one, but no tasks: twenty executors are too much for a
# machine.
SCRIPT = """
import sys
from framework import get_spark, load_params
get_spark().sparkContext
number = int(load_params().job_name.rpartition("_")[2])
if number % 5 == 0:
    sys.exit(3)
"""
CONTEXT = {"entity": "INS", "source_system": "SYS", "sources": [], "sinks": []}


def name_of(number: int) -> str:
    return f"etl_lnd_ins_sys_t_{number}"


@pytest.fixture
def yarn(tmp_path: Path) -> Iterator[YarnCluster]:
    with yarn_cluster([tmp_path], memory_mb=8192) as cluster:
        yield cluster


@pytest.fixture
def home(yarn: YarnCluster, tmp_path: Path) -> Home:
    """A home of a group of twenty jobs, every second of which has its driver on the cluster."""
    made = home_of_job(tmp_path / "home", name_of(0), SCRIPT, CONTEXT)
    made.environ |= {**yarn.environ, "ORCH_MAX_CONCURRENT_JOBS": str(JOBS)}
    small = {"spark.yarn.am.memory": "256m", "spark.driver.memory": "512m"}
    made.set_params({**yarn.spark_properties("client"), **small}, {})
    jobs = [
        {"job_id": f"J{number}", "job_name": name_of(number), "script_path": "job.py",
         "context_params": CONTEXT}
        for number in range(1, JOBS)
    ]  # fmt: skip
    of_cluster = [
        {"environment": "DEV", "key_name": name_of(number), "param_type": "spark",
         "param_key": "spark.submit.deployMode", "param_value": "cluster"}
        for number in range(1, JOBS, 2)
    ]  # fmt: skip
    rows = {"job_master": jobs, "sys_params": of_cluster}
    (made.folder / "jobs.yaml").write_text(json.dumps(rows))
    made.here("apply", "jobs.yaml")
    return made


@pytest.mark.timeout(1800)
def test_each_has_one_true_row(home: Home, yarn: YarnCluster) -> None:
    done = home.orch("run", GROUP, "--biz-dt", BIZ_DT, "--json", check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    rows = {row["job_name"]: row for row in json.loads(done.stdout)["execution_log"]}
    assert sorted(rows) == sorted(map(name_of, range(JOBS)))
    assert len(json.loads(home.here("log", "--json", "--limit", "100").stdout)) == JOBS
    gateway = YarnGateway.of(home.environ)
    client = YarnClient(gateway)
    try:
        for number in range(JOBS):
            row = rows[name_of(number)]
            is_failing = number in FAILING
            application_id = str(row["spark_app_id"])
            # One of a driver here learns a moment later that it has ended.
            wait_until(lambda of=application_id: client.report(of).is_over, "its end", 120)
            application = client.report(application_id)
            assert name_of(number) in application.name
            if not is_failing:
                assert (row["status"], row["error_message"]) == ("Completed", None)
                # Of a driver here that ends at once, YARN may have seen nothing but its loss.
                assert application.final_status == "SUCCEEDED" or not number % 2
            elif number % 2:
                of_driver = f"exit code 3 of the driver of {application.id}"
                assert row["status"] == f"Failed: {of_driver}"
            else:
                assert row["status"] == "Failed: exit code 3"
        assert len({row["spark_app_id"] for row in rows.values()}) == JOBS
    finally:
        gateway.close()
    assert yarn.staging() == []
    assert home.process_names() == []
