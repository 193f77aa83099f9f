"""One probe stands for the jobs that meet the same nodes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import pytest

from orch_dagster.cli import node_checks
from orch_dagster.cli.cluster_uses import ClusterUse
from orch_dagster.registry.jobs import Registry
from orch_dagster.settings import Settings
from tests.bundles import job_bundle

ORC = {"format": "orc", "path": "out/t", "partition_cols": ["biz_dt"]}
SPEC = job_bundle({"sources": [{"format": "kudu", "path": "t"}], "sinks": [ORC]}, []).spec


@pytest.mark.parametrize(
    ("name", "is_apart"),
    [
        ("spark.executor.memory", False),
        ("spark.yarn.queue", True),
        ("spark.kerberos.principal", True),
        ("spark.yarn.executor.nodeLabelExpression", True),
        ("spark.yarn.appMasterEnv.JAVA_HOME", True),
    ],
)
def test_jobs_that_may_have_other_nodes_or_rights_are_probed_apart(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, name: str, is_apart: bool
) -> None:
    """The findings of one of them were told of all."""
    probed: list[str] = []

    def uses(*_: object) -> Iterator[ClusterUse]:
        for job in ("a", "b"):
            own = {name: job, "spark.master": "yarn"}
            yield ClusterUse(replace(SPEC, job_name=job), own)

    def probe(properties: Mapping[str, str], *_: object) -> list[tuple[str, str]]:
        probed.append(properties[name])
        return [("ok", "it runs")]

    monkeypatch.setattr(node_checks, "stored_params", lambda _: [])
    monkeypatch.setattr(node_checks, "cluster_uses", uses)
    monkeypatch.setattr(node_checks, "probe", probe)
    found = list(node_checks.node_checks(settings, cast(Registry, SimpleNamespace(jobs={})), {}))
    assert probed == (["a", "b"] if is_apart else ["a"])
    jobs = ["(a)", "(b)"] if is_apart else ["(a, b)"]
    assert [subject.removeprefix("Nodes of yarn ") for subject, _, _ in found] == jobs
