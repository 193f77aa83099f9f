"""Properties that doctor names, as they are right by themselves and together start no run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from orch_dagster.cli.deployment_checks import clash, clash_warnings, deployment_checks
from orch_dagster.control.records import SysParam
from orch_dagster.control.store import ControlStore
from orch_dagster.registry.apply import apply_files, plan_files
from orch_dagster.settings import Settings
from tests.bundles import job_bundle

MASTER, MODE = "spark.master", "spark.submit.deployMode"
CLUSTER = {MASTER: "yarn", MODE: "cluster"}
KUDU = {"format": "kudu", "path": "t"}


@pytest.mark.parametrize(
    ("properties", "defaults", "proxy_user", "said"),
    [
        ({}, {}, "", None),
        (CLUSTER, {}, "", None),
        ({MODE: "cluster"}, {MASTER: "yarn"}, "", None),
        ({MODE: "cluster"}, {}, "", f"{MODE}=cluster can't be combined with {MASTER}=local[*]"),
        ({MASTER: "spark://h:7077"}, {MODE: "cluster"}, "", "can't be combined"),
        ({**CLUSTER, "spark.yarn.maxAppAttempts": "2"}, {}, "", "must be 1 in cluster mode"),
        ({MASTER: "yarn", "spark.yarn.maxAppAttempts": "2"}, {}, "", None),
        (
            {**CLUSTER, "spark.yarn.appMasterEnv.JOB_BASE_DIR": "/x"},
            {},
            "",
            "JOB_BASE_DIR is set by the orchestrator",
        ),
        (CLUSTER, {"spark.kerberos.keytab": "/k"}, "eve", "proxy.user 'eve' and spark.kerberos"),
        (CLUSTER, {}, "eve", None),
        # The check of sys_params names these.
        ({MASTER: "yarn-cluster"}, {}, "", None),
        ({**CLUSTER, "num-executors": "2"}, {}, "", None),
        # Of spark-defaults.conf nothing else does.
        ({}, {MASTER: "yarn-cluster"}, "", f"{MASTER} is 'yarn-cluster': set it to"),
    ],
)
def test_what_a_run_would_refuse_is_named(
    properties: dict[str, str], defaults: dict[str, str], proxy_user: str, said: str | None
) -> None:
    found = clash(properties, defaults, proxy_user)
    assert (found is None) == (said is None), found
    assert said is None or said in str(found)


def test_the_jobs_of_a_clash_are_one_sentence(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPARK_CONF_DIR", str(tmp_path))
    spec = job_bundle({"sources": [KUDU], "sinks": [KUDU]}, []).spec
    specs = [replace(spec, job_name=name) for name in ("b", "a", "c")]
    rows = [
        SysParam(MODE, "DEV", "*", "cluster", "spark"),
        SysParam(MASTER, "DEV", "c", "yarn", "spark"),
    ]
    ((subject, state, text),) = deployment_checks(settings, specs, rows)
    assert (subject, state) == ("Deployment", "missing")
    assert text.startswith(f"no run of a, b starts: {MODE}=cluster can't be combined with ")
    assert [*deployment_checks(settings, specs, rows[1:])] == []


def test_apply_warns_of_a_clash_that_its_rows_bring(
    store: ControlStore, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It refuses none: spark-defaults.conf may name YARN where the jobs run."""
    monkeypatch.setenv("SPARK_CONF_DIR", str(tmp_path))
    job = {"job_id": "1", "job_name": "job_1", "script_path": "landing.py"}
    context = {"entity": "A", "source_system": "B", "sources": [KUDU], "sinks": [KUDU]}
    row = {"environment": "DEV", "key_name": "*", "param_type": "spark"}
    mode = {**row, "param_key": MODE, "param_value": "cluster"}
    yarn = {**row, "param_key": MASTER, "param_value": "yarn"}

    def warnings(**tables: object) -> list[str]:
        (tmp_path / "rows.yaml").write_text(yaml.safe_dump(tables))
        plan = plan_files([tmp_path / "rows.yaml"], store, settings).plan
        return [str(each) for each in clash_warnings(plan, settings)]

    jobs = [{**job, "context_params": context}]
    (text,) = warnings(job_master=jobs, sys_params=[mode])
    start = f"sys_params (param_key={MODE}, environment=DEV, key_name=*): no run of job_1 starts: "
    assert text.startswith(f"{start}{MODE}=cluster can't be combined with ")
    assert warnings(job_master=jobs, sys_params=[mode, yarn]) == []
    assert warnings(job_master=jobs, sys_params=[{**mode, "environment": "PROD"}]) == []
    # What the store has doctor names; rows that change nothing of it are not warned of again.
    warnings(job_master=jobs, sys_params=[mode])
    apply_files([tmp_path / "rows.yaml"], store, settings)
    attempts = {**row, "param_key": "spark.yarn.maxAppAttempts", "param_value": "1"}
    assert warnings(sys_params=[attempts]) == []
