"""The registry kept for the day its store is down."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest

from orch_dagster.control.group import GroupKey
from orch_dagster.control.records import JobDependency, JobMaster, SysParam
from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import JOB_DEPENDENCY, JOB_MASTER, PROCESS_CONTROL, SYS_PARAMS
from orch_dagster.errors import PermanentStoreError
from orch_dagster.registry import snapshot
from orch_dagster.registry.snapshot import RegistryRows

ROWS = RegistryRows(
    store="sqlite:///here.db",
    environment="DEV",
    masters=[JobMaster("J1", "name", '{"a": "é😀\\n"}', "s.py", None)],
    dependencies=[JobDependency("J1", "name", "", None, 0)],
    schedule_params=[SysParam("schedule.cron", "DEV", "*", "0 2 * * *", "system")],
    read_at=datetime(2024, 5, 15, 1, 2, 3, 456789, tzinfo=timezone.utc),
    keyed_groups={GroupKey("GELS", "FPMS"): ("contract_no", "seq")},
)


def spoiled(**changes: object) -> str:
    whole = {
        "store": "s", "environment": "DEV", "job_master": [], "job_dependency": [],
        "sys_params": [], "read_at": "2024-05-15T00:00:00+00:00",
    }  # fmt: skip
    return json.dumps({**whole, **changes})


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "made" / "registry.json"
    snapshot.save(ROWS, path)

    assert snapshot.load(path) == ROWS


def test_an_empty_registry_too(tmp_path: Path) -> None:
    empty = replace(ROWS, masters=[], dependencies=[], schedule_params=[])
    snapshot.save(empty, tmp_path / "registry.json")

    assert snapshot.load(tmp_path / "registry.json") == empty


def test_none_was_saved(tmp_path: Path) -> None:
    assert snapshot.load(tmp_path / "registry.json") is None


def test_a_save_that_fails_leaves_the_last_one(tmp_path: Path) -> None:
    path = tmp_path / "registry.json"
    snapshot.save(ROWS, path)
    bad = replace(ROWS, masters=[JobMaster("J\ud800")])

    with pytest.raises(UnicodeEncodeError):
        snapshot.save(bad, path)
    assert snapshot.load(path) == ROWS
    assert os.listdir(tmp_path) == ["registry.json"]  # noqa: PTH208


def test_one_that_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, **_: object) -> str:
        raise PermissionError(13, "Permission denied")

    # root may read everything, so the system itself cannot refuse here.
    monkeypatch.setattr(Path, "read_text", refuse)
    with pytest.raises(PermanentStoreError, match=r"registry\.json.*Permission denied"):
        snapshot.load(tmp_path / "registry.json")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        spoiled(job_master=1),
        spoiled(job_master=["x"]),
        spoiled(read_at="yesterday"),
        spoiled(read_at="2024-05-15T00:00:00"),
        spoiled(read_at=1),
        spoiled(store=1),
        spoiled(environment=["DEV"]),
        spoiled(job_master={"job_id": "J1"}),
        spoiled(job_master=[{"job_name": "j"}]),
        spoiled(job_master=[{"job_id": 1}]),
        spoiled(job_master=[{"job_id": "J1", "context_params": {"a": 1}}]),
        spoiled(job_master=[{"job_id": "J1", "job_name": True}]),
        spoiled(job_dependency=[{"dependent_job_id": None, "dependent_job_name": "one"}]),
        spoiled(
            job_dependency=[
                {
                    "dependent_job_id": "J",
                    "dependent_job_name": "j",
                    "parent_job_id": "",
                    "dependency_level": "0",
                }
            ]
        ),
        spoiled(sys_params=[{"param_key": ["schedule.cron"], "environment": "E", "key_name": "*"}]),
        spoiled(keyed_sources=[[1, 2]]),
        spoiled(keyed_sources=["abc"]),
        spoiled(keyed_sources=7),
        spoiled(business_keys=[["GELS"]]),
        spoiled(business_keys=[["GELS", "FPMS", 1]]),
        spoiled(set_aside=[{"table": "job_master"}]),
        spoiled(set_aside=[{"table": 1, "key": "k", "reason": "r", "job_id": "J"}]),
        spoiled(set_aside=[7]),
        "[" * 100_000,
        '{"store": ' + "1" * 5_000 + "}",
        "\udcff",
    ],
)
def test_a_file_that_is_no_snapshot_is_named_with_the_remedy(tmp_path: Path, text: str) -> None:
    path = tmp_path / "registry.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))

    with pytest.raises(PermanentStoreError, match="delete the file") as caught:
        snapshot.load(path)
    assert str(path) in str(caught.value)


def test_half_a_snapshot_is_refused_wherever_it_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "registry.json"
    snapshot.save(ROWS, path)
    whole = path.read_bytes()

    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(PermanentStoreError):
            snapshot.load(path)


def test_only_what_a_code_location_needs_is_read(store: ControlStore) -> None:
    store.upsert(JOB_MASTER, [{"job_id": "J1", "job_name": "name"}])
    store.upsert(
        JOB_DEPENDENCY,
        [{"dependent_job_id": "J1", "dependent_job_name": "name", "parent_job_id": ""}],
    )
    source = {"entity": "E", "source_system": "S"}
    store.upsert(
        PROCESS_CONTROL, [{**source, "biz_dt": day} for day in ("2024-05-16", "2023-01-02")]
    )
    store.upsert(
        SYS_PARAMS,
        [
            {"param_key": key, "environment": env, "key_name": "*", "param_type": kind}
            for key, env, kind in [
                ("schedule.cron", "DEV", "system"),
                ("schedule.timezone", "UAT", "system"),
                ("schedule.odd", "DEV", "spark"),
                ("other", "DEV", "system"),
            ]
        ],
    )
    before = datetime.now(timezone.utc)

    rows = snapshot.read_rows(store, "DEV")

    assert [row.job_id for row in rows.masters] == ["J1"]
    assert [row.parent_job_id for row in rows.dependencies] == [""]
    assert [row.param_key for row in rows.schedule_params] == ["schedule.cron"]
    assert (rows.store, rows.environment) == (store.address, "DEV")
    assert before <= rows.read_at <= datetime.now(timezone.utc)


def test_no_secret_reaches_the_file(store: ControlStore, tmp_path: Path) -> None:
    store.upsert(
        SYS_PARAMS,
        [
            {
                "param_key": "schedule.cron",
                "environment": "DEV",
                "key_name": "*",
                "param_value": "file:/hidden",
                "param_type": "secret",
            }
        ],
    )
    snapshot.save(snapshot.read_rows(store, "DEV"), tmp_path / "registry.json")

    assert json.loads((tmp_path / "registry.json").read_text())["sys_params"] == []
