"""The cause for which a step or a run failed, without the errors that Dagster wraps around it.

Missing: public attributes of a failure event for the cause, and any mark but English for a run
whose process is gone. Buys: execution_log and `orch run` show the job's own sentence, where Dagster
shows a trace that ends in it. Can go when DagsterEvent has them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import dagster as dg
from dagster import DagsterEventType

if TYPE_CHECKING:
    from dagster import DagsterEvent
    from dagster._utils.error import SerializableErrorInfo

# DagsterInstance.report_run_failed writes it where a code server finds a run without its process.
MARKED_AS_FAILED = "This run has been marked as failed from outside the execution context."
_OWN_ERROR = re.compile(r"^dagster\.[\w.]+: ")


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


def engine_error(event: DagsterEvent) -> str | None:
    """Return the error that an ENGINE_EVENT of a run reports, or None.

    A run that can't load its job has its reason only there.
    """
    error = event.engine_event_data.error
    reason = _first_cause(error)
    if reason is None:
        return None
    reason = _OWN_ERROR.sub("", reason)
    if error is not None and error.cls_name == dg.DagsterExecutionStepNotFoundError.__name__:
        reason += " (its job was removed or quarantined after the run was requested)"
    return f"the run could not begin: {reason}"


def _first_cause(error: SerializableErrorInfo | None) -> str | None:
    while error is not None and error.cause is not None:
        error = error.cause
    return error.message.strip() if error else None
