"""The steps of a run, from Dagster's snapshot of its plan."""

from __future__ import annotations

import dagster as dg
from dagster import DagsterInstance

from orch_dagster.defs.dagster_internals.run_plan import plan_of_run, planned_steps


@dg.op(tags={"orch/job_id": "1001"})
def first() -> int:
    return 1


@dg.op
def second(number: int) -> int:
    return number


@dg.op
def third(one: int, other: int) -> None:
    pass


@dg.job
def chain() -> None:
    number = first()
    third(number, second(number))


def upstream(instance: DagsterInstance, plan: str | None) -> dict[str, frozenset[str]]:
    return {key: step.upstream for key, step in planned_steps(instance, plan).items()}


def test_each_step_has_those_before_it(instance: DagsterInstance) -> None:
    run = instance.create_run_for_job(chain)
    assert upstream(instance, plan_of_run(run)) == {
        "first": frozenset(),
        "second": {"first"},
        "third": {"first", "second"},
    }


def test_a_part_of_a_job_has_its_own_steps_only(instance: DagsterInstance) -> None:
    result = chain.execute_in_process(instance=instance, op_selection=["first", "second"])
    run = instance.get_run_by_id(result.run_id)
    assert run is not None
    assert upstream(instance, plan_of_run(run)) == {"first": frozenset(), "second": {"first"}}


def test_each_step_has_the_tags_of_its_op(instance: DagsterInstance) -> None:
    steps = planned_steps(instance, plan_of_run(instance.create_run_for_job(chain)))
    assert [steps[name].tags for name in ("first", "second")] == [{"orch/job_id": "1001"}, {}]


def test_runs_of_one_job_share_a_plan(instance: DagsterInstance) -> None:
    runs = [instance.create_run_for_job(chain, tags={"day": day}) for day in ("1", "2")]
    assert plan_of_run(runs[0]) == plan_of_run(runs[1])


def test_a_run_without_a_plan_has_no_steps(instance: DagsterInstance) -> None:
    assert planned_steps(instance, None) == {}
