"""Planned evaluations are taken back, so that a check which no run evaluates stays as it was."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
from dagster import DagsterInstance
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecord

from orch_dagster.defs.dagster_internals.planned_checks import drop_planned_checks

KEY = dg.AssetKey("landing")
SPEC = dg.AssetCheckSpec("unique", asset=KEY)
DAYS = dg.StaticPartitionsDefinition(["1", "2"])


def asset(*evaluated: str) -> dg.AssetsDefinition:
    def compute(_context, _inputs) -> Iterator[object]:  # type: ignore[no-untyped-def]
        yield dg.Output(None, "unique")
        for day in evaluated:
            yield dg.AssetCheckEvaluation(KEY, "unique", day == "1", partition=day)
        yield dg.Output(None, "result")

    return dg.AssetsDefinition(
        node_def=dg.OpDefinition(
            compute, name="landing", outs={n: dg.Out(dg.Nothing) for n in ("result", "unique")}
        ),
        keys_by_input_name={},
        keys_by_output_name={"result": KEY},
        check_specs_by_output_name={"unique": SPEC},
        partitions_def=DAYS,
    )


def executions(instance: DagsterInstance) -> list[AssetCheckExecutionRecord]:
    storage = instance.event_log_storage
    return list(storage.get_asset_check_execution_history(SPEC.key, limit=10))


def test_only_what_was_not_evaluated_is_taken_back(instance: DagsterInstance) -> None:
    run = dg.materialize([asset("1", "2")], instance=instance, partition_key="1")
    drop_planned_checks(instance, [run.run_id])
    made = executions(instance)
    assert [(each.partition, each.status.value) for each in made] == [
        ("2", "FAILED"),
        ("1", "SUCCEEDED"),
    ]
    job = dg.Definitions([asset()]).resolve_implicit_global_asset_job_def()
    run_ids = [instance.create_run_for_job(job).run_id for _ in range(3)]
    assert {each.status.value for each in executions(instance)[:3]} == {"PLANNED"}
    drop_planned_checks(instance, run_ids[:2])
    assert [each.run_id for each in executions(instance)] == [run_ids[2], run.run_id, run.run_id]
    drop_planned_checks(instance, run_ids)
    drop_planned_checks(instance, [])
    assert executions(instance) == made
