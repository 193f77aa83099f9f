"""Inputs, outputs and a config schema that many ops have.

Without postponed annotations: Dagster looks at the type of the op's context itself.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
import pytest

from orch_dagster.defs.dagster_internals.op_ports import (
    NO_CONFIG,
    SharedPortsOp,
    shared_in,
    shared_out,
)


def compute(context: dg.OpExecutionContext, inputs: Mapping[str, Any]) -> Iterator[dg.Output[Any]]:
    del context
    yield dg.Output(inputs["number"] + 1, "result")
    yield dg.Output(None, "check")


@dg.input_manager(input_config_schema=NO_CONFIG)
def forty_one(context: Any) -> int:
    del context
    return 41


INS = {"number": shared_in("number", dg.In(int, input_manager_key="numbers"))}
OUTS = {
    "result": shared_out(dg.Out(int, io_manager_key="stored")),
    "check": shared_out(dg.Out(dg.Nothing)),
}


def op(name: str) -> dg.OpDefinition:
    return dg.OpDefinition(compute, name=name, ins=INS, outs=OUTS, config_schema=NO_CONFIG)


def job() -> dg.JobDefinition:
    return dg.GraphDefinition("both", node_defs=[op("one"), op("other")]).to_job(
        resource_defs={
            "numbers": forty_one,
            "stored": dg.mem_io_manager,
        }
    )


def test_ops_share_the_definitions_of_their_inputs_and_outputs() -> None:
    one, other = op("one"), op("other")
    assert one.input_defs[0] is other.input_defs[0]
    assert [*map(id, one.output_defs)] == [*map(id, other.output_defs)]
    alone = dg.OpDefinition(
        compute,
        name="alone",
        ins={"number": dg.In(int, input_manager_key="numbers")},
        outs={"result": dg.Out(int, io_manager_key="stored"), "check": dg.Out(dg.Nothing)},
    )
    assert one.ins == alone.ins
    assert one.outs == alone.outs


def test_ops_that_share_them_run() -> None:
    result = job().execute_in_process()
    assert [result.output_for_node(name) for name in ("one", "other")] == [42, 42]


def test_an_op_without_config_has_none_in_its_jobs_snapshot() -> None:
    snap = job().get_job_snapshot()
    assert [each.config_field_snap for each in snap.node_defs_snapshot.op_def_snaps] == [None, None]
    fields = [
        field.name
        for each in snap.config_schema_snapshot.all_config_snaps_by_key.values()
        for field in each.fields or ()
    ]
    assert "ops" in fields
    assert "one" not in fields


@pytest.mark.parametrize("part", ["config", "inputs"])
def test_a_runs_config_of_such_an_op_is_refused(part: str) -> None:
    config = {"ops": {"one": {part: {"number": 1}}}}
    with pytest.raises(dg.DagsterInvalidConfigError, match='unexpected config entry "one"'):
        dg.validate_run_config(job(), config)
    assert dg.validate_run_config(job(), {}) is not None


def landing(context: dg.OpExecutionContext, inputs: Mapping[str, Any]) -> Iterator[object]:
    del context
    yield dg.MaterializeResult(metadata={"number": inputs["number"]})


RESULT = {"result": shared_out(dg.Out(dg.Nothing, io_manager_key="stored"))}


def asset(name: str, *parents: str) -> dg.AssetsDefinition:
    ins = {**INS, **{parent: shared_in(parent, dg.In(dg.Nothing)) for parent in parents}}
    return dg.AssetsDefinition(
        node_def=SharedPortsOp(landing, name, ins, RESULT, config_schema=NO_CONFIG),
        keys_by_input_name={parent: dg.AssetKey(parent) for parent in parents},
        keys_by_output_name={"result": dg.AssetKey(name)},
    )


def test_ops_of_the_same_ports_tell_once_which_resources_they_need() -> None:
    one, other = (asset(name).node_def for name in ("one", "other"))
    assert isinstance(one, dg.OpDefinition)
    assert isinstance(other, dg.OpDefinition)
    needs = list(one.get_resource_requirements(None, None))
    assert [*map(id, needs)] == [*map(id, other.get_resource_requirements(None, None))]
    assert len(needs) == 2


def test_an_op_without_one_of_them_is_refused() -> None:
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="key 'stored'"):
        dg.Definitions([asset("one")], resources={"numbers": forty_one}).get_repository_def()


@pytest.mark.parametrize("chosen", [{"child"}, {"parent", "child"}])
def test_what_feeds_an_input_of_nothing_is_not_loaded(chosen: set[str]) -> None:
    assets = [asset("parent", "source"), asset("child", "parent"), dg.AssetSpec("source")]
    resources = {"numbers": forty_one, "stored": dg.mem_io_manager}
    repository = dg.Definitions(assets, resources=resources).get_repository_def()
    job = repository.get_implicit_global_asset_job_def()
    keys = {dg.AssetKey(name) for name in chosen}
    result = job.get_subset(asset_selection=keys).execute_in_process()
    landed = result.get_asset_materialization_events()
    assert {event.asset_key for event in landed} == keys
    numbers = [event.materialization.metadata["number"].value for event in landed]
    assert numbers == [41] * len(chosen)
