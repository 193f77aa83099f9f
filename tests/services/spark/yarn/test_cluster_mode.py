"""Jobs in YARN's cluster mode on a node that sees no folder of the orchestrator, by HDFS alone."""

from __future__ import annotations

import json
import platform
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from dagster import DagsterEventType

from orch_dagster.sample.rows import JOB_NAME
from orch_dagster.spark.yarn.gateway import YarnClient
from tests.homes import BIZ_DT, Home, home_of_job, new_home
from tests.yarn_cluster import NODE_HOST, YarnCluster
from tests.yarn_homes import left_on_hdfs, on_cluster, put

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.yarn, pytest.mark.spark]

TABLE = "out/fdm_landing/gels_fpms_t_contract_master"
JOB = "etl_lnd_ins_sys_t"
SECRET = 'hun"ter$2 `x`'
DATES = (BIZ_DT, "2024-05-16")


def log_of(home: Home) -> str:
    (log,) = (home.folder / "logs").glob("job_*.log")
    return log.read_text(encoding="utf-8")


def prepare(home: Home, yarn: YarnCluster) -> None:
    """Put Spark's jars on HDFS; once more, nothing is uploaded. Doctor finds them and the rest."""
    first = home.here("cluster", "prepare", "--apply", "--json")
    url = json.loads(first.stdout)["url"]
    assert re.search(r"/user/\w+/spark-jars/spark-3\.5\.\d+-jars-\w{16}\.zip$", url), url
    assert f"Uploaded {url}" in first.stderr
    again = home.here("cluster", "prepare")
    assert f"There already: {url}" in again.stderr
    (row,) = yaml.safe_load(again.stdout)["sys_params"]
    assert (row["param_key"], row["param_value"]) == ("spark.yarn.archive", url)
    found = json.loads(home.here("doctor", "--json", check=False).stdout)
    texts = [each["text"] for each in found if each["state"] == "ok"]
    assert f"spark.yarn.archive is there: {url}" in texts
    assert f"the resource manager answers at {yarn.rm_address}" in texts
    assert f"{yarn.url} answers at {yarn.url.removeprefix('hdfs://')}" in texts
    assert "the queue default is there" in texts
    assert f"core-site.xml and yarn-site.xml are in {yarn.conf_dir}" in texts


def test_the_sample_lands_by_an_archive_of_sparks_jars(
    yarn: YarnCluster, client: YarnClient, spark: SparkSession, tmp_path: Path
) -> None:
    """That its rows are those that land here: test_equal_rows.py."""
    home = new_home(tmp_path / "home")
    home.here("init", "--sample")
    root = f"{yarn.url}/sample"
    put(yarn, home.folder / "data", f"{root}/data")
    on_cluster(home, yarn, root, more={"spark.yarn.queue": "default"}, has_archive=True)
    prepare(home, yarn)
    home.orch("run", "JOB_1001", "--biz-dt", BIZ_DT)

    (row,) = home.log_rows(JOB_NAME)
    assert row["status"] == "Completed"
    application = yarn.application(row["spark_app_id"])
    assert (application["state"], application["finalStatus"]) == ("FINISHED", "SUCCEEDED")
    assert spark.read.orc(f"{root}/{TABLE}").count() == row["row_count"] > 0
    events = home.events(row["run_id"], DagsterEventType.ASSET_CHECK_EVALUATION)
    assert {each.asset_check_evaluation_data.check_name for each in events} >= {"key_unique"}
    (landed,) = home.events(row["run_id"], DagsterEventType.ASSET_MATERIALIZATION)
    metadata = landed.step_materialization_data.materialization.metadata
    assert metadata["dagster/partition_row_count"].value == row["row_count"]
    assert "/containerlogs/" in str(metadata["driver_log"].value)
    log = max((home.folder / "logs").glob("*.log")).read_text()
    assert f"[framework.session] application {row['spark_app_id']} on yarn" in log
    assert f"landed {row['row_count']} rows" in log
    assert f"{JOB_NAME}: stage" in log
    assert "Failed to add file" not in log
    assert "falling back to uploading libraries" not in log
    assert left_on_hdfs(client) == []
    assert not [*(home.folder / "params").rglob("*messages*")]

    on_cluster(home, yarn, root, "client", has_archive=True)
    home.orch("run", "JOB_1001", "--biz-dt", BIZ_DT)
    of_client = home.log_rows(JOB_NAME)[0]
    assert (of_client["status"], of_client["row_count"]) == ("Completed", row["row_count"])
    assert of_client["spark_app_id"] != row["spark_app_id"]


CONTEXT: dict[str, Any] = {
    "sources": [{"format": "csv", "path": "in/{biz_dt}.csv", "options": {"header": True}}],
    "hql": "t.hql",
    "sinks": [{"format": "orc", "path": "out/t", "partition_cols": ["biz_dt"]}],
}
SCRIPT = """
import os, time
import beside
from framework import exec_hql, get_logger, get_spark, run_landing

get_logger("of.script").info("up on %s, %s", os.uname().nodename, beside.WORD)
print("printed", os.environ["DB_PASSWORD"], os.environ["OWN"], time.tzname[0])
try:
    exec_hql(get_spark(), "x.hql")
except Exception as error:
    print("refused:", error)
run_landing()
"""
HQL = "SELECT id, CAST(assert_true('${hivevar:biz_dt}' <> '2024-05-16') AS STRING) AS ok FROM row1"


def test_a_script_of_a_project_has_all_that_it_has_here(
    yarn: YarnCluster, client: YarnClient, tmp_path: Path
) -> None:
    """Its siblings, its HQL, its secrets and variables; of two dates one fails, and is told."""
    home = home_of_job(
        tmp_path / "home", JOB, SCRIPT, CONTEXT, {"t.hql": HQL, "x.hql": "SELECT nothing"}
    )
    (home.folder / "jobs" / "beside.py").write_text("WORD = 'with its sibling'\n")
    (home.folder / "in").mkdir()
    for day in DATES:
        (home.folder / "in" / f"{day}.csv").write_text("id\n1\n2\n")
    home.here("open", "INS", "SYS", *DATES[1:])
    root = f"{yarn.url}/script"
    put(yarn, home.folder / "in", f"{root}/in")
    of_container = "spark.yarn.appMasterEnv.OWN"
    on_cluster(home, yarn, root, more={of_container: "mine"})
    secret = {"environment": "DEV", "key_name": "*", "param_key": "DB_PASSWORD"}
    secret |= {"param_value": "env:THE_PASSWORD", "param_type": "secret"}
    (home.folder / "secret.yaml").write_text(str({"sys_params": [secret]}))
    home.environ["THE_PASSWORD"] = SECRET
    home.here("apply", "secret.yaml")
    days = [word for day in DATES for word in ("--biz-dt", day)]
    assert home.orch("run", "J", *days, check=False).returncode == 1

    failed, completed = sorted(home.log_rows(JOB), key=lambda row: row["biz_dt"], reverse=True)
    assert (completed["status"], completed["row_count"]) == ("Completed", 2)
    assert failed["status"].startswith("Failed: ")
    assert "assert_true" in failed["status"] or "is not true" in failed["status"]
    assert failed["spark_app_id"] == completed["spark_app_id"]
    log = log_of(home)
    assert f"[of.script] up on {NODE_HOST}, with its sibling" in log
    assert "[stdout] printed ****** mine UTC" in log
    assert "[stdout] refused: x.hql" in log
    assert SECRET not in log
    assert left_on_hdfs(client) == []


@pytest.fixture
def empty_home(yarn: YarnCluster, tmp_path: Path) -> Home:
    home = home_of_job(tmp_path / "home", JOB, "", CONTEXT, {"t.hql": HQL})
    on_cluster(home, yarn, f"{yarn.url}/none")
    return home


def test_what_a_driver_printed_tells_why_it_reported_nothing(
    empty_home: Home, client: YarnClient
) -> None:
    (empty_home.folder / "jobs" / "job.py").write_text("print('begun')\nimport not_there\n")
    assert empty_home.orch("run", "J", "--biz-dt", BIZ_DT, check=False).returncode == 1
    (row,) = empty_home.log_rows(JOB)
    assert "No module named 'not_there'" in row["status"]
    log = log_of(empty_home)
    assert "[spark] begun" in log
    assert left_on_hdfs(client) == []


def test_the_nodes_say_what_they_have(empty_home: Home, client: YarnClient) -> None:
    """Their Python, whether pyspark imports, the data root; and which Python is not there."""

    def probed() -> list[tuple[str, str]]:
        done = empty_home.orch("doctor", "--probe", "--json", check=False)
        found = json.loads(done.stdout)
        return [(each["state"], each["text"]) for each in found if each["name"].startswith("Nodes")]

    python, version = sys.executable, platform.python_version()
    root = empty_home.environ["ORCH_DATA_ROOT"]
    assert probed() == [
        ("ok", f"{NODE_HOST} has Python {version}, {python}"),
        ("ok", f"pyspark imports on {NODE_HOST}"),
        ("missing", f"the cluster sees no data root {root}: create it, or set ORCH_DATA_ROOT"),
    ]
    empty_home.set_params({"spark.pyspark.python": "/opt/none/python3"}, {})
    ((state, text),) = probed()
    assert state == "missing"
    assert "no Python on the node: '/opt/none/python3' is not there; set spark.pyspark" in text
    assert left_on_hdfs(client) == []
