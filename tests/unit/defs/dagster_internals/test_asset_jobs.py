"""Jobs over just the assets that they are given."""

from __future__ import annotations

import dagster as dg
import pytest
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph

from orch_dagster.defs.dagster_internals.asset_jobs import (
    IMPLICIT_ASSET_JOB_NAME,
    asset_graph,
    asset_job,
    implicit_asset_job,
)

DAYS = dg.StaticPartitionsDefinition(["2024-05-15", "2024-05-16"])
OTHER_DAYS = dg.StaticPartitionsDefinition(["2024-05-17"])


def asset(
    name: str, *parents: str, days: dg.PartitionsDefinition[str] = DAYS
) -> dg.AssetsDefinition:
    """An asset that needs a resource and waits for its parents."""

    def compute(context, _inputs):  # type: ignore[no-untyped-def]
        yield dg.MaterializeResult(metadata={"resource": context.resources.store})

    return dg.AssetsDefinition(
        node_def=dg.OpDefinition(
            compute,
            name=name,
            required_resource_keys={"store"},
            ins={parent: dg.In(dg.Nothing) for parent in parents},
            outs={"result": dg.Out(dg.Nothing)},
        ),
        keys_by_input_name={parent: dg.AssetKey(parent) for parent in parents},
        keys_by_output_name={"result": dg.AssetKey(name)},
        partitions_def=days,
    )


RESOURCES = {"store": dg.ResourceDefinition.hardcoded_resource("control")}


def test_a_job_has_its_assets_in_their_order_and_no_other() -> None:
    # The parent "a" is in no job of this one, "b" is.
    assets = [asset("c", "b"), asset("b", "a")]
    job = asset_job("two", assets, DAYS, RESOURCES, dg.in_process_executor, "About")

    assert (job.name, job.description) == ("two", "About")
    assert set(job.graph.node_names()) == {"b", "c"}
    result = job.execute_in_process(partition_key="2024-05-15")
    landed = [
        (event.asset_key.to_user_string(), event.materialization.metadata["resource"].value)
        for event in result.get_asset_materialization_events()
        if event.asset_key
    ]
    assert landed == [("b", "control"), ("c", "control")]


def test_a_jobs_assets_share_their_partitions() -> None:
    assets = [asset("a"), asset("b", days=OTHER_DAYS)]
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="partitions"):
        asset_job("two", assets, DAYS, RESOURCES, dg.in_process_executor, "")


def test_the_implicit_job_takes_all_partitions() -> None:
    assets = [asset("a"), asset("b", days=OTHER_DAYS)]
    job = implicit_asset_job(asset_graph(assets), RESOURCES, dg.in_process_executor)
    assert job.name == IMPLICIT_ASSET_JOB_NAME
    assert set(job.graph.node_names()) == {"a", "b"}


def test_the_implicit_job_is_dagsters_own() -> None:
    repository = dg.Definitions(assets=[asset("a")], resources=RESOURCES).get_repository_def()
    assert list(repository.job_names) == [IMPLICIT_ASSET_JOB_NAME]


def test_a_graph_is_as_dagster_makes_it() -> None:
    # The parent "x" has no definition.
    assets = [asset("a"), asset("b", "a", "x"), asset("c", "b")]
    made, dagsters = asset_graph(assets), AssetGraph.from_assets(assets)
    assert made.get_all_asset_keys() == dagsters.get_all_asset_keys()
    for key in dagsters.get_all_asset_keys():
        node, expected = made.get(key), dagsters.get(key)
        assert (node.parent_keys, node.child_keys) == (expected.parent_keys, expected.child_keys)
        assert node.is_executable == expected.is_executable == (key != dg.AssetKey("x"))
        assert node.metadata == expected.metadata
