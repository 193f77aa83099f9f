"""A step that has begun: one record, filled as the step goes on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import dagster as dg

from framework.contract.visible import visible
from orch_dagster.bundle.bundle import ParamBundle
from orch_dagster.bundle.redact import RedactedBundle
from orch_dagster.control.group import GroupKey
from orch_dagster.control.records import SysParam
from orch_dagster.control.store import ControlStore
from orch_dagster.defs.step.attempt import Attempt
from orch_dagster.defs.step.log_writer import ExecutionLogWriter, StepRun, first_report
from orch_dagster.errors import NotReadyError
from orch_dagster.execution_log import StepReport
from orch_dagster.files import os_fault
from orch_dagster.registry.jobs import JobSpec
from orch_dagster.run_log import RunLog, run_log_path
from orch_dagster.settings import Settings
from orch_dagster.spark.yarn.gateway_command import YarnError
from orch_dagster.text import Masker

# The metadata that links the log where Dagit shows it.
SHOWN_LOG = "log"
LogMetadata = Mapping[str, dg.MetadataValue[Any]]


@dataclass(frozen=True)
class StepRequest:
    """A run's request to a step, in plain values.

    Attributes:
        spec: The job.
        run_id: Dagster's id of the run.
        created_at: The time at which the run was created.
        biz_dts: The run's dates; a single empty one if the run names none.
        attempt: The attempt, with the reports of earlier ones.
        parents_outside: Parents of the job that the run does not execute.
        fault: Why the run's dates can't be used.
        is_alone: Whether the run has no other job, whose output its log would hold too.
    """

    spec: JobSpec
    run_id: str
    created_at: datetime
    biz_dts: tuple[str, ...]
    attempt: Attempt
    parents_outside: tuple[JobSpec, ...] = ()
    fault: NotReadyError | None = None
    is_alone: bool = True


class StepReporter(Protocol):
    """Reports a step on its run's page."""

    def report(self, report: StepReport, message: str) -> None:
        """Write the report into the run's event log, at once."""
        ...

    def warn(self, text: str) -> None:
        """Show a warning among the step's lines."""
        ...

    def show_log(self, path: Path) -> LogMetadata:
        """Show the run's log; return its metadata, for the step's events."""
        ...

    def add_open_dates(self, group: GroupKey, biz_dts: Collection[str]) -> None:
        """Show the open dates of a group as its partitions."""
        ...

    def close(self) -> None:
        """Let go of what was reserved for reports of the step, which has ended."""
        ...


@dataclass(frozen=True)
class StepParams:
    """The parameters of a step.

    Attributes:
        redacted: The parameters of the dates that can land now, and the secrets taken out of them.
        file: The run's copy of them, for the job.
        secret_rows: The rows of param_type secret of every job.
        runs_without_end: Other runs of these dates that may not have ended, by their rows.
    """

    redacted: RedactedBundle
    file: Path
    secret_rows: Sequence[SysParam] = ()
    runs_without_end: Collection[str] = ()

    @property
    def bundle(self) -> ParamBundle:
        """Return the parameters, without secrets."""
        return self.redacted.bundle


@dataclass(frozen=True)
class BegunStep:
    """A step that has begun, as the op of a job receives it.

    Attributes:
        request: The run's request.
        attempt: The attempt; once the parameters are loaded, with the job's retries.
        writer: Writes the step's rows of execution_log.
        run_log: The run's log file.
        log_metadata: The path of that file, for the step's events.
        warn: Shows a warning on the run's page and adds it to the log.
        reporter: Reports the step on its run's page.
        loaded: The parameters, once loaded.
    """

    request: StepRequest
    attempt: Attempt
    writer: ExecutionLogWriter
    run_log: RunLog
    log_metadata: LogMetadata
    warn: Callable[[str], None]
    reporter: StepReporter
    loaded: StepParams | None = None

    @property
    def job_name(self) -> str:
        """The job's name, which is also the step's key."""
        return self.request.spec.job_name

    @property
    def output_name(self) -> str:
        """Return the name under which the run's log has the job's output."""
        return "spark" if self.request.is_alone else f"spark {self.job_name}"

    @property
    def is_log_shown(self) -> bool:
        """Return whether Dagit shows the run's log on the step's page."""
        return SHOWN_LOG in self.log_metadata

    @property
    def params(self) -> StepParams:
        """The loaded parameters."""
        if self.loaded is None:
            raise dg.DagsterInvariantViolationError(
                f"{self.job_name} has not loaded its parameters, which the IO manager does"
            )
        return self.loaded

    def report_end(
        self, status: str, message: str | None, row_counts: Mapping[str, int] | None = None
    ) -> None:
        """Write into the run's log, and into the rows of its dates, how the step ended."""
        level = "INFO" if status == "completed" else "ERROR"
        self.run_log.write(level, "orch", f"{self.job_name} {status}: {message or 'landed'}")
        self.writer.end_all(status, message, row_counts)

    def close_log(self) -> None:
        """Warn of what the run's log does not hold, and close it."""
        try:
            for sentence in self.run_log.losses():
                self.warn(sentence)
        finally:
            self.run_log.close()
            self.reporter.close()

    def report_crash(self, error: BaseException, mask: Masker | None = None) -> None:
        """Report the end of a step that an interrupt or an unexpected error ends; close its log."""
        interrupted = isinstance(error, KeyboardInterrupt | dg.DagsterExecutionInterruptedError)
        reason = f"{type(error).__name__}: {error}"
        if interrupted and isinstance(error.__cause__, YarnError):
            # What it left on the cluster may land yet.
            interrupted, reason = False, f"{reason.rstrip(': ')}; {error.__cause__}"
        try:
            self.report_end("canceled" if interrupted else "failed", (mask or Masker())(reason))
        finally:
            self.close_log()


def begin_step(
    request: StepRequest, reporter: StepReporter, store: ControlStore, settings: Settings
) -> BegunStep:
    """Open the run's log and report that the step has begun.

    Raises:
        dagster.Failure: The log file can't be written.
    """
    path = run_log_path(settings.logs_dir, request.run_id, request.created_at)
    try:
        run_log = RunLog(path, settings.log_max_bytes)
    except OSError as error:
        fault = os_fault(error)
        _started_writer(request, reporter, store, reporter.warn).end_all("failed", fault)
        raise dg.Failure(visible(fault), allow_retries=False) from error

    def warn(text: str) -> None:
        reporter.warn(text)
        run_log.write("WARN", "orch", text)

    try:
        writer = _started_writer(request, reporter, store, warn)
        log_metadata = reporter.show_log(path)
        dates = ", ".join(writer.report.biz_dts)
        run_log.write("INFO", "orch", f"{request.spec.job_name} started for {dates}")
    except BaseException:
        run_log.close()
        reporter.close()
        raise
    return BegunStep(request, request.attempt, writer, run_log, log_metadata, warn, reporter)


def _started_writer(
    request: StepRequest, reporter: StepReporter, store: ControlStore, warn: Callable[[str], None]
) -> ExecutionLogWriter:
    attempt = request.attempt
    writer = ExecutionLogWriter(
        StepRun(request.run_id, request.created_at, reporter.report),
        store,
        warn,
        first_report(request.spec, attempt.remaining(request.biz_dts), attempt.number),
        attempt.reports,
    )
    if len(request.biz_dts) == 1:
        # Rows of several dates wait, as dates that are not open are skipped and get none.
        writer.start()
    return writer
