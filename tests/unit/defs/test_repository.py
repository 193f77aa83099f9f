"""The code location as Dagster's server sees it."""

from __future__ import annotations

import gc
import json
import logging
import sqlite3
import sys
from dataclasses import replace

import dagster as dg
import pytest
from dagster import RepositoryDefinition
from dagster._core.remote_representation.external_data import RepositorySnap
from dagster_shared.serdes import serialize_value

from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import JOB_MASTER, SYS_PARAMS
from orch_dagster.defs.open_partitions import plan_changes
from orch_dagster.defs.repository import ControlTables, LandingRepository
from orch_dagster.defs.translator import PARAM_BUNDLE_KEY
from orch_dagster.registry.jobs import MAX_LEVELS
from orch_dagster.registry.location import Location
from orch_dagster.settings import Settings
from tests.code_location import Located, add_jobs, schedule_param


def snapshot(location: ControlTables) -> RepositorySnap:
    return RepositorySnap.from_def(RepositoryDefinition("orch", repository_data=location))


def test_a_resource_names_each_op_that_uses_it_once(located: Located) -> None:
    resources = {each.name: each for each in snapshot(located()).resources or ()}
    used = {each.job_name: each.node_handles for each in resources[PARAM_BUNDLE_KEY].job_ops_using}
    assert [handle.name for handle in used["gels_fpms"]] == ["job_1", "job_2"]


def test_jobs_assets_and_schedules(located: Located) -> None:
    snap = snapshot(located())
    assert {ref.name for ref in snap.job_refs or snap.job_datas or []} == {
        "job_1",
        "job_2",
        "gels_fpms",
        "__ASSET_JOB",
    }
    assert {node.asset_key.to_user_string() for node in snap.asset_nodes} == {
        "gels/fpms/job_1",
        "gels/fpms/job_2",
    }
    assert {node.group_name for node in snap.asset_nodes} == {"gels_fpms"}
    assert [schedule.name for schedule in snap.schedules] == ["gels_fpms_by_biz_dt"]
    names = [sensor.name for sensor in snap.sensors]
    assert names == ["execution_log", "open_dates", "reprocess", "waiting_jobs"]


def test_a_location_that_was_read_already_is_not_read_again(located: Located) -> None:
    read = located().location

    def refuse() -> Location:
        raise AssertionError("read twice")

    location = ControlTables(refuse)
    location.load_by(lambda: replace(read, instance_warning="temporary"))
    assert list(location.get_job("job_1").graph.node_names()) == ["job_1"]
    assert location.location.instance_warning == "temporary"


def test_one_job_is_built_without_the_others(located: Located) -> None:
    location = located()
    assert list(location.get_job("job_1").graph.node_names()) == ["job_1"]
    assert list(location._jobs) == ["job_1"]


def test_of_many_rows_only_the_sources_jobs_are_listed(
    located: Located, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCH_LISTED_JOBS", "1")
    location = located()
    assert {job.name for job in location.get_all_jobs()} == {"gels_fpms", "__ASSET_JOB"}
    assert location.get_job("job_2").name == "job_2"


def test_a_server_gets_what_dagsters_own_repository_would_send(
    located: Located, store: ControlStore
) -> None:
    # Of two groups, one after the other, with a source that is an external asset.
    add_jobs(store, "PAS", {"pas_1": ["J1"], "pas_2": ["pas_1"]})
    row = store.read(JOB_MASTER, {"job_id": "J2"})[0]
    sources = [{"format": "csv", "path": "data/in.csv"}]
    context = json.dumps({"entity": "GELS", "source_system": "FPMS", "sources": sources})
    store.upsert(JOB_MASTER, [{**row, "context_params": context}])

    landing = LandingRepository("orch", located(), "About")
    landing.load_all_definitions()
    dagsters = RepositoryDefinition("orch", repository_data=located(), description="About")

    sent, expected = (
        RepositorySnap.from_def(each, defer_snapshots=True) for each in (landing, dagsters)
    )
    assert serialize_value(sent) == serialize_value(expected)
    assert landing.asset_graph is landing.get_job("__ASSET_JOB").asset_layer.asset_graph


def test_garbage_is_collected_again_after_a_load(located: Located) -> None:
    assert gc.isenabled()
    LandingRepository("orch", located(), "").load_all_definitions()
    assert gc.isenabled()


def test_a_runs_config_names_no_op(located: Located) -> None:
    location = located()
    config = {"ops": {"job_1": {"config": {"biz_dt": "2024-05-15"}}}}
    with pytest.raises(dg.DagsterInvalidConfigError, match='unexpected config entry "job_1"'):
        dg.validate_run_config(location.get_job("gels_fpms"), config)
    # The page's job of all assets takes any, as Dagster has it.
    dg.validate_run_config(location.get_job("__ASSET_JOB"), config)


def test_a_chain_as_long_as_may_be_loads(located: Located, store: ControlStore) -> None:
    """Dagster goes along it by recursion, and the servers have frames of their own below."""
    names = [f"chain_{n}" for n in range(MAX_LEVELS + 1)]
    add_jobs(
        store,
        "LONG",
        {name: names[place - 1 : place] if place else [] for place, name in enumerate(names)},
    )
    location = located()
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(limit - 200)
    try:
        snap = snapshot(location)
    finally:
        sys.setrecursionlimit(limit)
    keys = {node.asset_key.path[-1] for node in snap.asset_nodes}
    assert keys == {"job_1", "job_2", *names[:-1]}


def test_an_unknown_job_is_named(located: Located) -> None:
    with pytest.raises(dg.DagsterInvariantViolationError, match=r"no job nope.*orch doctor"):
        located().get_job("nope")


def test_bad_rows_are_told_and_the_others_load(
    located: Located, store: ControlStore, caplog: pytest.LogCaptureFixture
) -> None:
    odd = json.dumps(
        {
            "entity": "GELS",
            "source_system": "FPMS",
            "sources": [{"format": "csv", "path": "x"}],
            "sinks": [{"format": "com.example.a/b c", "path": "out/{biz_dt}"}],
        }
    )
    row = {"job_name": "odd_format", "script_path": "landing.py", "context_params": odd}
    store.upsert(JOB_MASTER, [{"job_id": "J3", **row}, {"job_id": "J4", "job_name": "a b"}])
    store.upsert(SYS_PARAMS, [schedule_param("cron", "at two")])

    with caplog.at_level(logging.WARNING, "orch_dagster"):
        snap = snapshot(located())

    # Three jobs, and the source of one.
    assert len(snap.asset_nodes) == 4
    said = [record.getMessage() for record in caplog.records]
    assert any(text.startswith("quarantined: job_master (job_id=J4)") for text in said)
    assert any(text.startswith("sys_params") and "at two" in text for text in said)


def test_dates_that_are_none_are_no_partitions(
    located: Located, store: ControlStore, settings: Settings
) -> None:
    # As a table that was there before may hold them: past the store, which would refuse.
    with sqlite3.connect(settings.state_dir / "control.db") as connection:
        connection.execute(
            "INSERT INTO process_control (entity, source_system, biz_dt) "
            "VALUES ('GELS', 'FPMS', '15/05/2023')"
        )
    groups = [group.key for group in located().location.registry.groups.values()]
    with dg.DagsterInstance.ephemeral() as instance:
        (change,) = plan_changes(instance, store, groups)
    assert (change.group, change.opened) == ("gels_fpms", ("2024-05-15",))


def test_a_password_of_the_store_is_not_shown(located: Located) -> None:
    location = located().location
    url = "postgresql+psycopg://orch:s3cret@host/db"
    settings = location.settings.model_copy(update={"control_url": url})
    shown = snapshot(ControlTables(lambda: replace(location, settings=settings)))
    assert "s3cret" not in serialize_value(shown)
