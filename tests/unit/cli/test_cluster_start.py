"""The gateway to YARN that `orch run` starts before it imports Dagster."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orch_dagster.cli.cluster_start import start_gateway
from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import SYS_PARAMS
from orch_dagster.settings import Settings
from orch_dagster.spark.yarn.gateway import YarnGateway
from orch_dagster.spark.yarn.shared_gateway import shared_gateway
from tests.bundles import job_bundle

ORC = {"format": "orc", "path": "out/t", "partition_cols": ["biz_dt"]}


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[YarnGateway]:
    """The gateways that were started, without their processes."""
    found: list[YarnGateway] = []

    def start(gateway: YarnGateway) -> None:
        found.append(gateway)

    monkeypatch.setattr(YarnGateway, "start", start)
    return found


def master(store: ControlStore, value: str) -> None:
    row = {"param_key": "spark.master", "environment": "DEV", "key_name": "*"}
    store.upsert(SYS_PARAMS, [{**row, "param_value": value, "param_type": "spark"}])


def test_it_is_the_gateway_that_the_jobs_of_yarn_will_ask(
    store: ControlStore,
    settings: Settings,
    started: list[YarnGateway],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HADOOP_CONF_DIR", str(tmp_path))
    specs = [job_bundle({"sources": [{"format": "kudu", "path": "t"}], "sinks": [ORC]}, []).spec]
    master(store, "local[2]")
    start_gateway(settings, specs)
    assert started == []
    master(store, "yarn")
    start_gateway(settings, specs)
    assert started == [shared_gateway(os.environ)]


def test_what_is_missing_is_left_to_the_job_to_say(
    store: ControlStore,
    settings: Settings,
    started: list[YarnGateway],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("HADOOP_CONF_DIR", "YARN_CONF_DIR"):
        monkeypatch.delenv(name, raising=False)
    specs = [job_bundle({"sources": [{"format": "kudu", "path": "t"}], "sinks": [ORC]}, []).spec]
    master(store, "yarn")
    start_gateway(settings, specs)
    assert started == []
