"""The step that an IO manager loads an input for."""

from __future__ import annotations

import dagster as dg
import pytest
from dagster import DagsterInstance

from orch_dagster.defs.dagster_internals.step_context import CurrentStep, current_step

SEEN: list[CurrentStep] = []


class Loader(dg.IOManager):
    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        pass

    def load_input(self, context: dg.InputContext) -> None:
        SEEN.append(current_step(context))
        if SEEN[-1].attempt < 3:
            raise dg.RetryRequested(max_retries=2)


@dg.op(ins={"params": dg.In(input_manager_key="loader")})
def first(params) -> None:  # type: ignore[no-untyped-def]
    assert params is None


@dg.op
def other() -> None:
    pass


@dg.job(resource_defs={"loader": dg.IOManagerDefinition.hardcoded_io_manager(Loader())})
def job() -> None:
    first()
    other()


@pytest.fixture(autouse=True)
def _seen() -> None:
    SEEN.clear()


def test_it_knows_its_run_its_op_and_its_attempt(instance: DagsterInstance) -> None:
    result = job.execute_in_process(instance=instance, tags={"day": "1"})

    assert [step.attempt for step in SEEN] == [1, 2, 3]
    step = SEEN[-1]
    assert step.op_name == "first"
    assert step.run.run_id == result.run_id
    assert step.run.tags["day"] == "1"
    assert step.instance.get_run_by_id(result.run_id) is not None
    assert step.ops_in_run == {"first", "other"}
    step.log.info("a line")


def test_of_a_part_of_a_job_only_the_part_is_in_the_run(instance: DagsterInstance) -> None:
    job.execute_in_process(instance=instance, op_selection=["first"])
    assert SEEN[-1].ops_in_run == {"first"}
