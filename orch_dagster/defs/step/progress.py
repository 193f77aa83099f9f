"""Show a job's Spark stages while it runs: as lines in Dagit, and to a watcher in this process."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import dagster as dg

from orch_dagster.defs.step.begun import BegunStep
from orch_dagster.spark.progress import Stage, StageTeller, current_watcher


def step_progress(
    context: dg.OpExecutionContext, step: BegunStep
) -> Callable[[Sequence[Stage]], None]:
    """Return the function to call with the stages that the step's job reports.

    Args:
        context: The context of the op, in whose thread this is called.
        step: The step, with its job and the run's log.
    """
    job_name = step.job_name
    watcher = current_watcher()

    def log_line(line: str) -> None:
        context.log.info(line)
        step.run_log.write("INFO", "orch", f"{job_name}: {line}")

    teller = StageTeller(log_line)

    def report(stages: Sequence[Stage]) -> None:
        if watcher is not None:
            watcher(job_name, stages)
        teller(stages)

    return report
