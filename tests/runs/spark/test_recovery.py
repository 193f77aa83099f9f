"""Recovery of several jobs at once: what one of them cannot have stops no other."""

from __future__ import annotations

import json
import os
from pathlib import Path

from framework.publish.journal import Journal, journal_location
from framework.publish.processes import LockOwner, psutil_probe, this_process
from framework.storage.local import LocalFileSystem
from orch_dagster.bundle.fetch import fetch_spark_properties
from orch_dagster.bundle.secrets import SecretError
from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import SYS_PARAMS
from orch_dagster.errors import PermanentStoreError
from orch_dagster.registry.context_params import parse_context_params
from orch_dagster.registry.jobs import JobSpec
from orch_dagster.settings import Settings
from orch_dagster.spark.recovery import Finding, Recovery

DATE = "2024-05-15"
DEAD = LockOwner("run-1", this_process("x", psutil_probe).host, 2**22 + 1, 1)


def spec(name: str, path: str) -> JobSpec:
    """A job with one sink of files."""
    sinks = [{"format": "orc", "path": path, "partition_cols": ["biz_dt"]}]
    source = {"format": "csv", "path": "in.csv"}
    job_name = f"etl_lnd_ins_sys_{name}"
    context = parse_context_params(json.dumps({"sources": [source], "sinks": sinks}), job_name)
    return JobSpec(name, job_name, context, "landing.py")


def test_a_job_that_needs_spark_waits_for_no_local_one_nor_they_for_it(
    settings: Settings, home: Path
) -> None:
    jobs = [spec("far", "hdfs://nn:8020/far"), spec("near", "out/near"), spec("lost", "s3a://b/l")]
    target = (home / "out" / "near" / f"biz_dt={DATE}").as_posix()
    journal = journal_location(target, jobs[1].job_name, DATE)
    LocalFileSystem().create_exclusive(journal, Journal(jobs[1].job_name, DATE, DEAD).encode())

    def spark_properties(spec: JobSpec) -> dict[str, str]:
        if spec is jobs[2]:
            raise PermanentStoreError("is gone", store="sqlite:x")
        return {}

    environ = {**os.environ, "JAVA_HOME": str(home / "no java")}
    found = Recovery(settings, environ).recover(jobs, spark_properties)

    text = f"{jobs[1].job_name} {DATE}: rolled back, it had not moved anything"
    near, lost, far = found
    assert near == Finding(jobs[1].job_name, DATE, "recovered", text)
    assert (lost.job_name, lost.outcome) == (jobs[2].job_name, "failed")
    assert "control store sqlite:x: is gone" in lost.text
    assert (far.job_name, far.outcome) == (jobs[0].job_name, "failed")
    assert f"JAVA_HOME is {home / 'no java'}" in far.text
    assert not (home / "out" / "near" / "_landing").exists()
    assert not list(settings.state_dir.glob("recover-*"))


def test_secrets_of_its_session_are_in_no_argument_and_no_answer(
    settings: Settings, home: Path
) -> None:
    far = spec("far", "hdfs://nn:8020/far")
    secret = {"spark.hadoop.vault.code": "code-of-the-vault"}
    recovery = Recovery(settings, os.environ)
    # What it would start: nothing of the way to the other file system is there.
    azure = "spark.hadoop.fs.azure.account.key.a.dfs.core.windows.net"
    own = {"spark.master": "local[1]", azure: "key-of-azure"}
    command = recovery._submit(home / "asked.json", own, secret)  # pyright: ignore[reportPrivateUsage]
    assert "code-of-the-vault" not in " ".join(command.argv)
    assert "key-of-azure" not in " ".join(command.argv)
    assert command.properties[azure] == "key-of-azure"
    assert command.properties["spark.hadoop.vault.code"] == "code-of-the-vault"

    def not_there(_: JobSpec) -> dict[str, str]:
        raise SecretError([("sys_params (param_key=spark.x)", "is not set")])

    (found,) = recovery.recover([far], lambda _: {}, not_there)
    assert (found.outcome, found.text) == (
        "failed", f"{far.job_name}: sys_params (param_key=spark.x): is not set",
    )  # fmt: skip


def test_its_spark_properties_are_the_jobs_own(store: ControlStore) -> None:
    job = spec("far", "hdfs://nn:8020/far")
    rows = [
        ("spark.a", "*", "everyone", "spark"),
        ("spark.a", "ins_sys", "source", "spark"),
        ("spark.b", "*", "everyone", "spark"),
        ("spark.c", "another", "x", "spark"),
        ("schedule.cron", "*", "0 1 * * *", "system"),
    ]
    store.upsert(
        SYS_PARAMS,
        [
            {"param_key": key, "environment": "DEV", "key_name": name, "param_value": value,
             "param_type": kind}
            for key, name, value, kind in rows
        ],
    )  # fmt: skip
    found = fetch_spark_properties(store, job, "DEV")
    assert found == {"spark.a": "source", "spark.b": "everyone"}
