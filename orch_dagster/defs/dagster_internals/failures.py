"""The cause for which a step or a run failed, without the errors that Dagster wraps around it.

Missing: public attributes of a failure event for the cause, and any mark but English for a run
whose process is gone. Buys: execution_log and `orch run` show the job's own sentence, where Dagster
shows a trace that ends in it. Can go when DagsterEvent has them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagster import DagsterEventType

if TYPE_CHECKING:
    from dagster import DagsterEvent
    from dagster._utils.error import SerializableErrorInfo

# DagsterInstance.report_run_failed writes it where a code server finds a run without its process.
MARKED_AS_FAILED = "This run has been marked as failed from outside the execution context."


def step_failure_reason(event: DagsterEvent) -> str:
    """Return why a step failed, from its STEP_FAILURE event."""
    failure = event.step_failure_data
    if failure.user_failure_data and failure.user_failure_data.description:
        return failure.user_failure_data.description
    return _first_cause(failure.error) or "the step failed"


def run_end_reason(event: DagsterEvent) -> str:
    """Return why a run ended, from the event of its end; empty if the event has no reason."""
    data = event.job_failure_data if event.event_type is DagsterEventType.RUN_FAILURE else None
    return _first_cause(data.error if data else None) or event.message or ""


def _first_cause(error: SerializableErrorInfo | None) -> str | None:
    while error is not None and error.cause is not None:
        error = error.cause
    return error.message.strip() if error else None
