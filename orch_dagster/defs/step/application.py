"""Show a job's YARN application while it runs: its id in the rows, why it waits, its start."""

from __future__ import annotations

from contextlib import suppress

import dagster as dg

from framework.contract.visible import visible
from orch_dagster.defs.dagster_internals.engine_events import write_engine_event
from orch_dagster.defs.runs.kept_reports import STORAGE_ERRORS
from orch_dagster.defs.step.begun import BegunStep
from orch_dagster.spark.yarn.follow import ApplicationListener
from orch_dagster.spark.yarn.report import Application


def application_listener(context: dg.OpExecutionContext, step: BegunStep) -> ApplicationListener:
    """Return who hears of the application of a landing job.

    Args:
        context: The context of the op.
        step: The step, with its rows and the run's log.
    """

    def tell(text: str) -> None:
        step.run_log.write("INFO", "orch", f"{step.job_name}: {text}")
        # The page would lack a line; the step's reports say what is wrong with the storage.
        with suppress(*STORAGE_ERRORS):
            write_engine_event(
                context.instance, context.run, step.job_name, visible(f"{step.job_name} {text}"), {}
            )

    def submitted(application: Application) -> None:
        step.writer.show_application(application.id)

    def waiting(reason: str) -> None:
        step.writer.show_waiting(f"waiting for YARN: {reason}")
        tell(f"is waiting for YARN: {reason}")

    def running(application: Application) -> None:
        step.writer.show_waiting(None)
        tell(f"runs as {application.id} in queue {application.queue}")

    return ApplicationListener(submitted, waiting, running)
