"""Inputs, outputs and a config schema that many ops have.

Without postponed annotations: Dagster looks at the type of the op's context itself.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
import pytest

from orch_dagster.defs.dagster_internals.op_ports import NO_CONFIG, shared_in, shared_out


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
