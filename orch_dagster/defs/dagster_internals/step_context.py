"""The step behind the context of an IO manager.

Missing: InputContext has no public property for its run, its instance, its attempt or its op. Buys:
the parameters are loaded as the op's input, so that no body of an op reads the store. Can go when
InputContext has these.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterLogManager, DagsterRun, InputContext


@dataclass(frozen=True)
class CurrentStep:
    """A step that loads its input.

    Attributes:
        op_name: The name of the step's op, which is its job's name.
        run: The run.
        instance: The instance of the run.
        log: The log of the step on the run's page.
        attempt: 1, and one more for each retry.
        ops_in_run: The names of all ops that the run executes.
    """

    op_name: str
    run: DagsterRun
    instance: DagsterInstance
    log: DagsterLogManager
    attempt: int
    ops_in_run: frozenset[str]


def current_step(context: InputContext) -> CurrentStep:
    """Return the step that loads this input."""
    step = context.step_context
    selected = step.dagster_run.step_keys_to_execute
    return CurrentStep(
        op_name=step.step.node_handle.name,
        run=step.dagster_run,
        instance=step.instance,
        log=step.log,
        attempt=step.previous_attempt_count + 1,
        ops_in_run=frozenset(selected or step.job_def.graph.node_names()),
    )
