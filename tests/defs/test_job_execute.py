"""`dagster job execute` of real jobs: a real spark-submit each time."""

from __future__ import annotations

import time
from pathlib import Path
from subprocess import DEVNULL, Popen

import dagster as dg
import psutil
import pytest

from tests.defs.conftest import BIZ_DT, Home

JOB = "etl_lnd_gels_fpms_t_contract_master"
ROOT = Path(__file__).resolve().parents[2]
PARTITION = Path("out/fdm_landing/gels_fpms_t_contract_master") / f"biz_dt={BIZ_DT}"
A, B, C = (
    f"etl_lnd_gels_chain_t_{name}" for name in ("contract", "product_premium", "status_count")
)


def materialization(home: Home, job: str, biz_dt: str = BIZ_DT) -> dg.AssetMaterialization | None:
    key = dg.AssetKey([*job.split("_", 4)[2:4], job])
    with dg.DagsterInstance.from_config(home.environ["DAGSTER_HOME"]) as instance:
        found = instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=key, asset_partitions=[biz_dt]), limit=1
        )
    return found.records[0].asset_materialization if found.records else None


@pytest.mark.spark
def test_the_job_of_a_row_materializes_its_asset(sample_home: Home) -> None:
    done = sample_home.execute(JOB)
    assert done.returncode == 0, done.stdout + done.stderr
    landed = materialization(sample_home, JOB)
    assert landed is not None
    metadata = landed.metadata
    assert metadata["dagster/row_count"].value == 20_000
    assert Path(str(metadata["path"].value)) == sample_home.folder / PARTITION
    names = [column.name for column in metadata["dagster/column_schema"].value.columns]
    assert "contract_no" in names
    assert metadata["duration_s"].value > 0
    log = Path(str(metadata["log_file"].value)).read_text(encoding="utf-8")
    assert "[orch]" in log
    assert "[spark]" in log
    assert Path(str(metadata["spark_log"].value)).stat().st_size > 0
    (row,) = sample_home.log_rows(JOB)
    assert row["status"] == "Completed"
    assert row["spark_app_id"] == metadata["spark_app_id"].value
    assert row["end_time"] > row["start_time"]


@pytest.mark.spark
def test_children_run_after_their_parent_and_side_by_side(sample_home: Home) -> None:
    sample_home.orch("apply", str(ROOT / "examples/chain/registry.yaml"))
    alone = sample_home.execute(B)
    assert alone.returncode != 0
    (row,) = sample_home.log_rows(B)
    assert f"{A} (JOB_2001) has not completed {BIZ_DT}" in row["error_message"]
    assert row["spark_app_id"] is None

    done = sample_home.execute("gels_chain")
    assert done.returncode == 0, done.stdout + done.stderr
    a, b, c = (
        next(r for r in sample_home.log_rows(job) if r["status"] == "Completed")
        for job in (A, B, C)
    )
    assert a["end_time"] <= min(b["start_time"], c["start_time"])
    assert max(b["start_time"], c["start_time"]) < min(b["end_time"], c["end_time"])


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
    tree = wait_for_jvm(run)
    run.kill()
    run.wait()
    _, alive = psutil.wait_procs(tree, timeout=10)
    assert alive == []
    (row,) = sample_home.log_rows(JOB)
    assert row["status"] == "Started"

    tick_sensor(sample_home)
    (row,) = sample_home.log_rows(JOB)
    assert row["status"] == "Failed: the orchestrator died"
    tick_sensor(sample_home)
    assert sample_home.log_rows(JOB) == [row]


def wait_for_jvm(run: Popen[bytes]) -> list[psutil.Process]:
    """All processes below the run, once a JVM is among them."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert run.poll() is None, "the run ended before its JVM was seen"
        tree = psutil.Process(run.pid).children(recursive=True)
        names = set()
        for process in tree:
            try:
                names.add(process.name())
            except psutil.NoSuchProcess:
                continue
        if "java" in names:
            return tree
    raise AssertionError("no JVM within 60 s")


def tick_sensor(home: Home) -> None:
    """One tick of the sensor's work, on the instance and the store of the home."""
    from orch_dagster.control.connect import open_store
    from orch_dagster.defs.sensors import fail_dead_runs, project_ended_runs

    store = open_store("sqlite:///.orch/control.db", home.folder)
    with dg.DagsterInstance.from_config(home.environ["DAGSTER_HOME"]) as instance:
        fail_dead_runs(instance)
        project_ended_runs(instance, store, {JOB: "JOB_1001"}, {})
    store.close()
