"""Two runs of one date on YARN: one lands it, the other says which; of a table too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from orch_dagster.spark.yarn.gateway import YarnClient
from tests.endurance.yarn.landings import HQL, PAUSE_MS, Landing
from tests.homes import BIZ_DT, home_of_job
from tests.kudu_cluster import KuduCluster, kudu_cluster, kudu_spark_jar
from tests.waiting import wait_until
from tests.yarn_cluster import YarnCluster
from tests.yarn_homes import YarnHome, on_cluster, put

pytestmark = [pytest.mark.yarn, pytest.mark.spark, pytest.mark.alone, pytest.mark.timeout(3600)]

SUBMIT = "org.apache.spark.deploy.SparkSubmit"
TABLE_JOB, TABLE = "etl_lnd_ins_sys_k", "claims"


def test_of_two_that_are_submitted_at_one_moment_the_later_gives_way(landing: Landing) -> None:
    """The first run's submit is held once it has looked, until the other's application lands."""
    landing.use("cluster")
    made, before = landing.made, landing.made.row["spark_app_id"]
    landing.write(PAUSE_MS * 4)
    late = made.start()
    wait_until(lambda: made.below(late, SUBMIT) != [], "the submit", timeout_s=120)
    held = made.below(late, SUBMIT)
    for each in held:
        each.suspend()
    first = made.start()
    application = made.application("RUNNING", after=before)
    landing.await_task(application.id)
    for each in held:
        each.resume()

    said, _ = late.communicate(timeout=600)
    assert late.returncode == 1, said
    assert first.wait(600) == 0
    rows = made.home.log_rows(made.job)[:2]
    completed, failed = sorted(rows, key=lambda row: row["status"])
    assert (completed["status"], completed["spark_app_id"]) == ("Completed", application.id)
    assert failed["status"].startswith(
        f"Failed: {failed['spark_app_id']} gave way to another application: {application.id} of "
        f"run {completed['run_id']} is RUNNING and lands {BIZ_DT}: "
    )
    assert made.client.report(str(failed["spark_app_id"])).state == "KILLED"
    made.assert_nothing_left()
    landing.assert_landed()


@pytest.fixture
def kudu() -> Iterator[KuduCluster]:
    with kudu_cluster() as started:
        description = {
            "table_name": TABLE,
            "schema": {
                "columns": [
                    {"column_name": "id", "column_type": "STRING", "is_nullable": False},
                    {"column_name": "slept", "column_type": "STRING", "is_nullable": True},
                ],
                "key_column_names": ["id"],
            },
            "partition": {"hash_partitions": [{"columns": ["id"], "num_buckets": 2, "seed": 1}]},
        }
        started.tool("table", "create", json.dumps(description))
        yield started


@pytest.fixture
def made(
    yarn: YarnCluster, client: YarnClient, kudu: KuduCluster, tmp_path: Path
) -> Iterator[YarnHome]:
    """A job whose only sink is a table of Kudu, which takes no lock, and which lands slowly."""
    context = {
        "sources": [
            {"format": "csv", "path": "in/{biz_dt}.csv", "schema": "id STRING, pause_ms STRING"}
        ],
        "hql": "k.hql",
        "sinks": [
            {"format": "kudu", "path": TABLE, "options": {"kudu.master": kudu.masters[0]}}
        ],
    }  # fmt: skip
    home = home_of_job(
        tmp_path / "home", TABLE_JOB, "from framework import run_landing\nrun_landing()\n",
        context, {"k.hql": HQL},
    )  # fmt: skip
    (home.folder / "in").mkdir()
    (home.folder / "in" / f"{BIZ_DT}.csv").write_text(f"1,{PAUSE_MS * 6}\n2,0\n")
    root = f"{yarn.url}/{TABLE_JOB}"
    put(yarn, home.folder / "in", f"{root}/in")
    on_cluster(home, yarn, root, more={"spark.jars": str(kudu_spark_jar())})
    of_job = YarnHome(home, TABLE_JOB, yarn, client)
    yield of_job
    of_job.close()


def test_a_table_has_one_application_at_a_time(made: YarnHome, kudu: KuduCluster) -> None:
    """One that a dead run left is ended; beside one of a run that lives none is submitted."""
    left = made.leave_running()
    run = made.start()
    application = made.application("RUNNING", after=left.id)
    assert made.client.report(left.id).state == "KILLED"

    done = made.home.orch("run", made.job, "--biz-dt", BIZ_DT, check=False)
    assert done.returncode == 1, done.stdout
    assert f"{application.id} of run " in done.stdout + done.stderr
    assert run.wait(600) == 0

    refused, completed, dead = made.home.log_rows(made.job)
    assert refused["spark_app_id"] is None
    assert "Failed: " in refused["status"]
    assert f"{application.id} of run {completed['run_id']} is RUNNING and " in refused["status"]
    assert (completed["status"], completed["row_count"]) == ("Completed", 2)
    assert completed["spark_app_id"] == application.id
    assert dead["spark_app_id"] == left.id
    assert kudu.tool("table", "scan", TABLE).count("string id=") == 2
    made.assert_nothing_left()
