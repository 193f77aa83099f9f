"""The plan of a run after the fact, from Dagster's snapshot of it.

Missing: a public way to read which steps a run was to execute. Buys: a run that died before a job's
turn has no row of that job, and one that died in its turn has; the events alone do not tell. Can go
when DagsterInstance documents get_execution_plan_snapshot.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRun


def plan_of_run(run: DagsterRun) -> str | None:
    """Return the id of the run's plan, which the runs of one job share."""
    return run.execution_plan_snapshot_id


@dataclass(frozen=True)
class PlannedStep:
    """A step that a run was to execute.

    Attributes:
        upstream: The steps of the run that are upstream of it.
        tags: The tags of its op when the run was created.
    """

    upstream: frozenset[str]
    tags: Mapping[str, str] = field(default_factory=dict)


def planned_steps(instance: DagsterInstance, plan: str | None) -> dict[str, PlannedStep]:
    """Return the planned steps of a run by key.

    Args:
        instance: The instance of the run.
        plan: The id of its plan; without one, the run has no steps.
    """
    if plan is None:
        return {}
    snapshot = instance.get_execution_plan_snapshot(plan)
    wanted = set(snapshot.step_keys_to_execute)
    return {
        step.key: PlannedStep(
            upstream=frozenset(
                key for each in step.inputs for key in each.upstream_step_keys if key in wanted
            ),
            tags=step.tags or {},
        )
        for step in snapshot.steps
        if step.key in wanted
    }
