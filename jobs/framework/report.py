"""Report to the orchestrator by Dagster Pipes; without its variables, send nothing.

The messages are those of contract/messages.py: the application, then for each date its checks, if
it has any, and its landing; in a run of several dates also a failure for each that did not land.
Progress comes in between, from a thread of its own.
"""

from __future__ import annotations

import atexit
import sys
import threading
import traceback
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from framework.contract import variables
from framework.contract.messages import (
    ApplicationReport,
    CheckResult,
    ChecksReport,
    Drift,
    FailureReport,
    LandingReport,
    Message,
    ProgressReport,
    SinkReport,
    StageProgress,
)
from framework.errors import ReportError
from framework.shared_job import shared_job, variable

if TYPE_CHECKING:
    from dagster_pipes import PipesContext

    from framework.shared_job import SharedJob

__all__ = [
    "CheckResult",
    "Drift",
    "LandingReport",
    "SinkReport",
    "StageProgress",
    "application",
    "checks",
    "failure",
    "is_asked_for",
    "landing",
    "progress",
    "reporting",
]

# Threads write one message at a time, and none after the channel was closed.
_writing = threading.Lock()


def application(spark_app_id: str, spark_ui: str | None, driver_log: str | None = None) -> None:
    """Report the Spark application.

    Raises:
        ReportError: As `reporting` does.
    """
    _send(ApplicationReport(spark_app_id, spark_ui, driver_log))


def landing(landed: LandingReport) -> None:
    """Report a landed date.

    Raises:
        ReportError: As `reporting` does.
    """
    _send(landed)


def checks(biz_dt: str, results: Sequence[CheckResult]) -> None:
    """Report the checks of a date, before the date is published.

    Raises:
        ReportError: As `reporting` does.
    """
    _send(ChecksReport(biz_dt, tuple(results)))


def failure(biz_dt: str, error: Exception) -> None:
    """Report a date that did not land, while the others go on.

    Raises:
        ReportError: As `reporting` does.
    """
    stack = tuple(traceback.format_tb(error.__traceback__))
    _send(FailureReport(biz_dt, type(error).__name__, str(error), stack))


def progress(stages: Sequence[StageProgress]) -> None:
    """Report the active stages, possibly none.

    Raises:
        ReportError: As `reporting` does.
    """
    _send(ProgressReport(tuple(stages)))


def is_asked_for() -> bool:
    """Return whether the orchestrator waits for reports."""
    return bool(variable(variables.PIPES_CONTEXT))


@contextmanager
def reporting() -> Generator[None]:
    """Keep the channel open for a block, and close it at the end, with the block's exception.

    Raises:
        ReportError: If the orchestrator waits for reports and dagster_pipes is not installed here.
        OSError: If a report can't be written.
    """
    context = _open()
    if context is None:
        yield
        return
    try:
        yield
    except BaseException as error:
        _close(context, error)
        raise
    _close(context, None)


def _send(message: Message) -> None:
    context = _open()
    if context is None:
        return
    with _writing:
        if not context.is_closed:
            context.report_custom_message(message.to_json())


def _open() -> PipesContext | None:
    if not is_asked_for():
        return None
    try:
        from dagster_pipes import PipesContext, open_dagster_pipes

        from framework.pipes_writer import message_writer
    except ImportError as error:
        raise ReportError(
            f"{variables.PIPES_CONTEXT} asks for reports but dagster_pipes is not installed where "
            "the job runs: install it there, or ship its one file by --py-files"
        ) from error
    if (job := shared_job()) is not None:
        job.pipes = job.pipes or _opened_for(job)
        return job.pipes
    if not PipesContext.is_initialized():
        open_dagster_pipes(message_writer=message_writer())
        # For scripts that only get a session and do not close the channel.
        atexit.register(_close_at_exit)
    return PipesContext.get()


def _opened_for(job: SharedJob) -> PipesContext:
    """Open the channel of a job beside others, each of which has its own."""
    from dagster_pipes import PipesContext, PipesDefaultContextLoader, PipesMappingParamsLoader

    from framework.pipes_writer import message_writer

    params = PipesMappingParamsLoader(job.variables)
    return PipesContext(params, PipesDefaultContextLoader(), message_writer())


def _close_at_exit() -> None:
    from dagster_pipes import PipesContext

    context = PipesContext.get()
    if context.is_closed:
        return
    # The interpreter keeps the exception that ended the script.
    _close(context, getattr(sys, "last_value", None))


def _close(context: PipesContext, error: BaseException | None) -> None:
    trace = error.__traceback__ if error else None
    with _writing:
        context.__exit__(type(error) if error else None, error, trace)
