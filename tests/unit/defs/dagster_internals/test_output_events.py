"""Outputs that hold no values say nothing of their own, and a failed run can go on from them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import dagster as dg
import pytest
from dagster import DagsterEventType, DagsterInstance, DagsterRun
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run
from dagster._core.execution.plan.state import KnownExecutionState

from orch_dagster.defs.dagster_internals.thread_executor import ThreadExecutor


class Guard:
    def reason_to_end(self) -> None:
        return None

    def close(self) -> None:
        return None


@dg.executor(name="threads")
def threads(_context: dg.InitExecutorContext) -> ThreadExecutor:
    return ThreadExecutor(2, lambda _instance, _run_id, _warn: Guard())


def asset(name: str, parents: Sequence[str], fails: list[bool]) -> dg.AssetsDefinition:
    key = dg.AssetKey(name)

    def compute(_context, _inputs) -> Iterator[object]:  # type: ignore[no-untyped-def]
        if fails and fails.pop():
            raise dg.Failure("not yet")
        yield dg.Output(None, "unique")
        yield dg.AssetCheckEvaluation(key, "unique", True, partition="1")
        yield dg.MaterializeResult()

    return dg.AssetsDefinition(
        node_def=dg.OpDefinition(
            compute,
            name=name,
            ins={parent: dg.In(dg.Nothing) for parent in parents},
            outs={n: dg.Out(dg.Nothing) for n in ("result", "unique")},
        ),
        keys_by_input_name={parent: dg.AssetKey(parent) for parent in parents},
        keys_by_output_name={"result": key},
        check_specs_by_output_name={"unique": dg.AssetCheckSpec("unique", asset=key)},
    )


def messages(instance: DagsterInstance, run: DagsterRun) -> list[str]:
    return [entry.user_message for entry in instance.all_logs(run.run_id)]


@pytest.mark.usefixtures("own_signals")
def test_outputs_are_told_in_plain_words_and_a_failed_run_can_go_on(
    instance: DagsterInstance,
) -> None:
    assets = [asset("first", (), []), asset("second", ["first"], [True])]
    job = dg.Definitions(assets, executor=threads).resolve_implicit_global_asset_job_def()
    run = instance.create_run_for_job(job)
    execute_run(InMemoryJob(job), run, instance, raise_on_error=False)
    said = messages(instance, run)
    assert not any("Yielded output" in text for text in said)
    assert "first is done" in said
    kinds = {DagsterEventType.ASSET_CHECK_EVALUATION, DagsterEventType.ASSET_MATERIALIZATION}
    assert len(instance.all_logs(run.run_id, of_type=kinds)) == 2

    failed = instance.get_run_by_id(run.run_id)
    assert failed is not None
    steps, _ = KnownExecutionState.build_resume_retry_reexecution(instance, failed)
    assert list(steps) == ["second"]
