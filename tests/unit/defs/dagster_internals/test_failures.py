"""The cause of a failure, from what Dagster makes of it."""

from __future__ import annotations

import sys

import dagster as dg
import pytest
from dagster import DagsterEvent, DagsterEventType, DagsterInstance
from dagster._core.events import EngineEventData
from dagster._utils.error import serializable_error_info_from_exc_info

from orch_dagster.defs.dagster_internals.failures import (
    MARKED_AS_FAILED,
    engine_error,
    run_end_reason,
    step_failure_reason,
)


def failed(instance: DagsterInstance, error: BaseException) -> DagsterEvent:
    """The event of a step that raises the error, as it is read again."""

    @dg.op
    def fail() -> None:
        raise error

    @dg.job
    def job() -> None:
        fail()

    result = job.execute_in_process(instance=instance, raise_on_error=False)
    (entry,) = instance.all_logs(result.run_id, of_type=DagsterEventType.STEP_FAILURE)
    assert entry.dagster_event is not None
    return entry.dagster_event


def caused() -> Exception:
    error = RuntimeError("the step failed")
    error.__cause__ = ValueError("no such table: t_contract")
    return error


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (dg.Failure("no rows", metadata={"rows": 0}), "no rows"),
        (ValueError("no such table"), "ValueError: no such table"),
        (caused(), "ValueError: no such table: t_contract"),
    ],
)
def test_a_steps_reason_is_its_own_sentence(
    instance: DagsterInstance, error: BaseException, reason: str
) -> None:
    assert step_failure_reason(failed(instance, error)) == reason


def ended(instance: DagsterInstance, run_id: str, kind: DagsterEventType) -> DagsterEvent:
    (entry,) = instance.all_logs(run_id, of_type=kind)
    assert entry.dagster_event is not None
    return entry.dagster_event


def test_dagsters_words_for_a_run_without_its_process(instance: DagsterInstance) -> None:
    @dg.job
    def job() -> None:
        pass

    run = instance.create_run_for_job(job)
    # As a code server does it.
    instance.report_run_failed(run)
    event = ended(instance, run.run_id, DagsterEventType.RUN_FAILURE)
    assert run_end_reason(event) == MARKED_AS_FAILED


def test_a_run_that_failed_before_its_steps_says_why(instance: DagsterInstance) -> None:
    @dg.resource
    def store(_context: dg.InitResourceContext) -> None:
        raise ConnectionError("the store does not answer")

    @dg.op(required_resource_keys={"store"})
    def read() -> None:
        pass

    @dg.job(resource_defs={"store": store})
    def job() -> None:
        read()

    result = job.execute_in_process(instance=instance, raise_on_error=False)
    event = ended(instance, result.run_id, DagsterEventType.RUN_FAILURE)
    assert run_end_reason(event) == "ConnectionError: the store does not answer"


def test_a_canceled_run_has_dagsters_message(instance: DagsterInstance) -> None:
    @dg.job
    def job() -> None:
        pass

    run = instance.create_run_for_job(job)
    instance.report_run_canceled(run, "canceled by hand")
    event = ended(instance, run.run_id, DagsterEventType.RUN_CANCELED)
    assert run_end_reason(event) == "canceled by hand"


def test_a_run_that_could_not_begin_says_why_in_an_engine_event(instance: DagsterInstance) -> None:
    @dg.job
    def job() -> None:
        pass

    run = instance.create_run_for_job(job)

    def reason(error: OSError | dg.DagsterError | None) -> str | None:
        info = None
        if error is not None:
            try:
                raise error
            except (OSError, dg.DagsterError):
                info = serializable_error_info_from_exc_info(sys.exc_info())
        event = instance.report_engine_event("An event.", run, EngineEventData(error=info))
        return engine_error(event)

    assert reason(None) is None
    assert reason(OSError("no disk")) == "the run could not begin: OSError: no disk"
    gone = dg.DagsterInvariantViolationError("no job t")
    assert reason(gone) == "the run could not begin: no job t"
    subset = dg.DagsterExecutionStepNotFoundError("unknown step: t", step_keys=["t"])
    assert reason(subset) == (
        "the run could not begin: unknown step: t (its job was removed or quarantined after the "
        "run was requested)"
    )
