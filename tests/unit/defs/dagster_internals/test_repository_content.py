"""Digests that tell a repository's snapshot from another's."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest
from dagster._core.remote_representation.external_data import (
    AssetCheckNodeSnap,
    AssetNodeSnap,
    RepositorySnap,
    ResourceSnap,
)

from orch_dagster.defs.dagster_internals.location_snapshot import snapshot, snapshot_text
from orch_dagster.defs.dagster_internals.repository_content import repository_content

# Dagster calls some arguments of assets beta.
pytestmark = pytest.mark.filterwarnings("ignore::dagster.BetaWarning")


class Place(dg.ConfigurableResource[Any]):
    """A resource with a setting."""

    path: str = "/"


def repository(**changes: Any) -> dg.RepositoryDefinition:
    """A repository of two assets with a check, a job, a schedule and a sensor; changed as named."""
    second: dict[str, Any] = {
        "key": ["group", "second"],
        "deps": [["group", "first"]],
        "description": "About",
        "metadata": {"script": "landing.py", "link": dg.MetadataValue.url("https://a")},
        "tags": {"job_id": "J2"},
        "owners": ["team:a"],
        "code_version": "1",
        "group_name": "group",
        "partitions_def": dg.DynamicPartitionsDefinition(name="days"),
        "backfill_policy": dg.BackfillPolicy.multi_run(31),
        "automation_condition": None,
        "check_specs": [dg.AssetCheckSpec("keys", asset=["group", "second"], blocking=True)],
    }
    second |= {name: value for name, value in changes.items() if name in second}

    @dg.asset(key=["group", "first"])
    def first() -> None: ...

    @dg.asset(**second)
    def landed():  # type: ignore[no-untyped-def]
        return dg.MaterializeResult()

    outside = dg.AssetSpec(["sources", "a"], metadata={"path": changes.get("path", "a.csv")})
    job = dg.define_asset_job("both", [landed], description=changes.get("about", "Both"))
    cron = changes.get("cron", "0 6 * * *")
    schedule = dg.ScheduleDefinition(
        job=job, cron_schedule=cron, required_resource_keys=changes.get("schedule_needs")
    )

    @dg.sensor(
        job=job,
        minimum_interval_seconds=changes.get("interval", 30),
        required_resource_keys=changes.get("sensor_needs"),
    )
    def due() -> None: ...

    return dg.Definitions(
        assets=[first, landed, outside],
        jobs=[job],
        schedules=[schedule],
        sensors=[due],
        resources={"place": changes.get("place", Place())},
        metadata=changes.get("of_all"),
    ).get_repository_def()


CHANGES: list[dict[str, Any]] = [
    {"key": ["group", "other"], "check_specs": []},
    {"deps": []},
    {"description": "Other"},
    {"metadata": {"script": "other.py", "link": dg.MetadataValue.url("https://a")}},
    {"metadata": {"script": "landing.py", "link": dg.MetadataValue.url("https://b")}},
    {"tags": {"job_id": "J3"}},
    {"owners": ["team:b"]},
    {"code_version": "2"},
    {"group_name": "another"},
    {"partitions_def": dg.DynamicPartitionsDefinition(name="hours")},
    {"backfill_policy": dg.BackfillPolicy.multi_run(1)},
    {"automation_condition": dg.AutomationCondition.eager()},
    {"check_specs": []},
    {"check_specs": [dg.AssetCheckSpec("keys", asset=["group", "second"])]},
    {"path": "b.csv"},
    {"about": "Other"},
    {"cron": "0 7 * * *"},
    {"interval": 60},
    {"sensor_needs": {"place"}},
    {"schedule_needs": {"place"}},
    {"place": Place(path="/data")},
    {"of_all": {"team": "risk"}},
]


# Of each version in the range; what is not in the digest follows from what is.
KNOWN: dict[type, set[str]] = {
    RepositorySnap: {
        *("name", "job_refs", "partition_sets", "schedules", "sensors", "resources"),
        *("utilized_env_vars", "metadata", "asset_nodes", "asset_check_nodes"),
        # A repository with one of these has none; job_datas are not sent with job_refs.
        *("component_tree", "defs_state_info", "job_datas"),
    },
    AssetNodeSnap: {
        *("asset_key", "auto_materialize_policy", "auto_observe_interval_minutes"),
        *("automation_condition_snapshot", "backfill_policy", "child_edges", "code_version"),
        *("compute_kind", "description", "execution_set_identifier", "execution_type"),
        *("freshness_policy", "graph_name", "group_name", "is_observable", "is_source"),
        *("is_virtual", "job_names", "legacy_freshness_policy", "metadata"),
        *("node_definition_name", "op_name", "op_names", "output_name", "owners", "parent_edges"),
        *("partitions", "pools", "required_top_level_resources", "tags"),
    },
    AssetCheckNodeSnap: {
        *("additional_asset_keys", "asset_key", "automation_condition"),
        *("automation_condition_snapshot", "blocking", "description", "execution_set_identifier"),
        *("job_names", "name", "partitions_def_snapshot"),
    },
    ResourceSnap: {
        *("asset_keys_using", "config_field_snaps", "config_schema_snap", "configured_values"),
        *("dagster_maintained", "is_top_level", "job_ops_using", "name", "nested_resources"),
        *("parent_resources", "resource_snapshot", "resource_type", "schedules_using"),
        *("sensors_using",),
    },
}


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: " ".join(change))
def test_it_changes_with_the_snapshot(change: dict[str, Any]) -> None:
    same, changed = repository(), repository(**change)
    assert snapshot_text(snapshot(changed)) != snapshot_text(snapshot(same))
    assert repository_content(changed) != repository_content(same)


def test_it_is_the_same_for_the_same_repository() -> None:
    assert repository_content(repository()) == repository_content(repository())
    assert snapshot_text(snapshot(repository())) == snapshot_text(snapshot(repository()))


def test_nested_resources_have_none() -> None:
    class Outer(dg.ConfigurableResource[Any]):
        place: Place

    assert repository_content(repository(place=Outer(place=Place()))) is None


def test_all_that_a_snapshot_says_is_known() -> None:
    """Name each field, so that one of a later Dagster is looked at."""
    for kind, known in KNOWN.items():
        assert set(kind.__annotations__) <= known, kind
