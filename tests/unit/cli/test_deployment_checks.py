"""Properties that doctor names, as they are right by themselves and together start no run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from orch_dagster.cli.deployment_checks import clash, deployment_checks
from orch_dagster.control.records import SysParam
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
