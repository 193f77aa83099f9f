"""Run the process of a submission; where YARN runs its application, follow and end that too."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from orch_dagster.defs.dagster_internals.thread_executor import StopSignal
from orch_dagster.defs.step.submission import Submission
from orch_dagster.settings import Settings
from orch_dagster.spark.command import SubmitCommand
from orch_dagster.spark.cores import available_cores
from orch_dagster.spark.process import (
    Limits,
    ProcessEnd,
    StopRequest,
    Surroundings,
    run_supervised,
)
from orch_dagster.spark.standalone import WorkerWait, away_master
from orch_dagster.spark.yarn.application_end import ApplicationEnd
from orch_dagster.spark.yarn.container_log import driver_output
from orch_dagster.spark.yarn.follow import ApplicationListener
from orch_dagster.spark.yarn.gateway import YarnClient, YarnError
from orch_dagster.spark.yarn.limits import ApplicationLimits, waited_too_long
from orch_dagster.spark.yarn.shared_gateway import shared_gateway
from orch_dagster.spark.yarn.submit import YarnSubmit
from orch_dagster.spark.yarn.submitted import SubmittedApplication

_TICK_S = 0.2
_ASKED_AGAIN_S = 1.0
# Made before any thread asks: of two made at one moment, each job would give back to the other.
_SUBMITS = threading.BoundedSemaphore(max(2, available_cores()))


def run_submit(
    command: SubmitCommand,
    submission: Submission,
    settings: Settings,
    surroundings: Surroundings,
    stop: StopSignal,
) -> tuple[ProcessEnd, ApplicationEnd | None]:
    """Run a submission's command to its end, and on YARN its application.

    Returns:
        The end of the process, on YARN as the resource manager knows it, and of the application.

    Raises:
        SparkError: If the command can't be started, or on YARN if the job may not be submitted.
    """
    if command.application is not None:
        return _run_on_yarn(
            command, command.application, submission, settings.stop_grace_s, surroundings, stop
        )
    if away := away_master(command.master, stop):
        never = ProcessEnd(exit_code=1, reason="exited", tail="", duration_s=0.0)
        return never, ApplicationEnd(failure=away, is_transient=True)
    wait = WorkerWait(stop, submission.queue_s, submission.queue_remedy)

    def on_line(line: str) -> None:
        wait.hear(line)
        submission.on_line(line)

    process = run_supervised(
        command,
        on_line=on_line,
        stop=wait,
        limits=Limits(submission.timeout_s, settings.stop_grace_s),
        surroundings=surroundings,
        mask=submission.mask.in_bytes,
    )
    if wait.failure and process.reason == "stopped" and not stop.is_set():
        return replace(process, reason="timeout"), ApplicationEnd(failure=wait.failure)
    return process, None


def _run_on_yarn(
    command: SubmitCommand,
    application: SubmittedApplication,
    submission: Submission,
    grace_s: float,
    surroundings: Surroundings,
    stop: StopSignal,
) -> tuple[ProcessEnd, ApplicationEnd]:
    # Not by what the job inherits, of which ORCH_JOB_ENV may withhold where Spark is.
    client = YarnClient.of(shared_gateway(os.environ), application.properties)
    waited_s = 0.0
    while True:
        # Without a slot, which others need, and which has no limit of its own.
        cleared = _clear_cluster(client, submission, stop, waited_s)
        if not isinstance(cleared, ApplicationLimits):
            return cleared
        with ExitStack() as slot:
            has_waited = slot.enter_context(
                _submit_slot(application, stop, submission.on_application)
            )
            if has_waited and not stop.is_set() and _away(client, submission) is not None:
                waited_s = cleared.waited_s
                continue
            submit = YarnSubmit(
                command,
                application,
                cleared,
                grace_s,
                surroundings,
                submission.on_application,
                submission.on_line,
                submission.mask.in_bytes,
                has_left=slot.close,
                fault=lambda: stop.fault,
                rival=submission.rival,
                closing=submission.closing,
            )
            return submit.run(client, stop)


def _away(client: YarnClient, submission: Submission) -> str | None:
    """Do what comes before the submit; return why that can't be done yet, None if it is done."""
    try:
        submission.before_submit(client)
    except YarnError as error:
        if not error.is_away:
            raise
        return str(error)
    return None


def _clear_cluster(
    client: YarnClient,
    submission: Submission,
    stop: StopRequest,
    waited_s: float = 0.0,
    clock: Callable[[], float] = time.monotonic,
) -> ApplicationLimits | tuple[ProcessEnd, ApplicationEnd]:
    """Do what comes before the submit, as soon as the resource manager answers.

    Args:
        client: The cluster.
        submission: The submission.
        stop: The run's request to stop.
        waited_s: Seconds that the job has waited for it before.
        clock: The time in seconds, which never goes back.

    Returns:
        The limits of the application, with what its job has waited; or the end of a job whose limit
        was reached or whose run was stopped before that.
    """
    began_s, limit_s, told = clock() - waited_s, submission.queue_s, ""
    while True:
        reason = _away(client, submission)
        if reason is None:
            return ApplicationLimits(
                submission.timeout_s, limit_s, clock() - began_s, submission.queue_remedy
            )
        if reason != told:
            told = reason
            submission.on_application.waiting(reason)
        passed_s = clock() - began_s
        if stop.is_set():
            return ProcessEnd(1, "stopped", "", passed_s), ApplicationEnd()
        if limit_s is not None and passed_s >= limit_s:
            failure = waited_too_long("the submit", reason, limit_s, submission.queue_remedy)
            return ProcessEnd(1, "timeout", "", passed_s), ApplicationEnd(failure=failure)
        threading.Event().wait(_ASKED_AGAIN_S)


@contextmanager
def _submit_slot(
    application: SubmittedApplication, stop: StopRequest, listener: ApplicationListener
) -> Generator[bool]:
    """Keep the JVMs that submit in cluster mode at once to what the machine can do.

    Yields whether the submit has waited for others. In client mode the JVM is the job's driver, of
    which the run decides how many there are.
    """
    if not application.is_cluster or application.waits:
        yield False
        return
    has_slot = _SUBMITS.acquire(blocking=False)
    has_waited = not has_slot
    if has_waited:
        listener.waiting("other jobs of this run are submitted first")
    while not (has_slot or stop.is_set()):
        has_slot = _SUBMITS.acquire(timeout=_TICK_S)
    try:
        # What has to stop does so before it has submitted.
        yield has_waited
    finally:
        if has_slot:
            _SUBMITS.release()


def with_driver_output(
    process: ProcessEnd, end: ApplicationEnd, submission: Submission
) -> ApplicationEnd:
    """Return the end of an application whose driver said nothing of its failure, with its output.

    What the driver printed last is added to the output of the submission. A run that was stopped
    has no failure that it would explain, and does not wait for it.
    """
    application, folder = end.application, submission.folder
    is_told = not end.failure or process.reason == "stopped"
    if application is None or folder is None or is_told:
        return end
    printed = driver_output(folder.files, application.id, warn=submission.on_line)
    lines = [submission.mask(line) for line in printed]
    for line in lines:
        submission.on_line(line)
    return replace(end, output="\n".join(lines))
