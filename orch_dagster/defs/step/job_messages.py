"""The messages of a job while it runs, from its message file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from framework.contract.messages import (
    ApplicationReport,
    CheckResult,
    ChecksReport,
    FailureReport,
    LandingReport,
    LogReport,
    Message,
    MessageError,
    ProgressReport,
    message_of,
)
from orch_dagster.defs.step.log_writer import ExecutionLogWriter
from orch_dagster.execution_log import DateResult
from orch_dagster.spark.outcome import JobException, ResultMessages
from orch_dagster.spark.progress import Stage, stages_of
from orch_dagster.text import clip_utf8


@dataclass
class ChannelMessages:
    """Collects the messages of any script; called with each one, in the reader's thread.

    Attributes:
        progress: Called with the Spark stages that are active.
        log: Called with each line of the log of a driver that is elsewhere.
        application: The script's report of its Spark application.
    """

    progress: Callable[[Sequence[Stage]], None]
    log: Callable[[str], None] = lambda _: None
    application: ApplicationReport | None = None
    _opened: bool = field(default=False, init=False)
    _closed: bool = field(default=False, init=False)
    _exception: JobException | None = field(default=None, init=False)
    _broken: list[str] = field(default_factory=list[str], init=False)

    def __call__(self, message: Mapping[str, Any]) -> None:
        """Record one message of the script."""
        params = message.get("params") or {}
        match message.get("method"):
            case "opened":
                self._opened = True
            case "closed":
                self._closed = True
                if exception := params.get("exception"):
                    self._exception = _exception(exception)
            case "report_custom_message":
                self._receive(params.get("payload"))
            case _:
                pass

    def result(self) -> ResultMessages:
        """Return the messages' facts for `outcome.judge`."""
        return ResultMessages(
            opened=self._opened,
            closed=self._closed,
            exception=self._exception,
            landed=self._landed(),
            broken="; ".join(self._broken) or None,
        )

    def _landed(self) -> tuple[str, ...]:
        return ()

    def _receive(self, payload: object) -> None:
        try:
            message = message_of(payload)
        except MessageError as error:
            # What is only shown may be broken.
            if error.kind not in (ProgressReport.KIND, LogReport.KIND):
                self._broken.append(str(error))
            return
        if message is not None:
            self._take(message)

    def _take(self, message: Message) -> None:
        match message:
            case ApplicationReport():
                self.application = message
            case ProgressReport():
                self.progress(stages_of(message))
            case LogReport():
                for line in message.lines:
                    self.log(line)
            case _:
                pass


@dataclass
class JobMessages(ChannelMessages):
    """The messages of a landing job.

    Attributes:
        writer: Reports the application, and the end of each date if there are several.
        biz_dts: The dates that the job is to land.
        may_retry: Whether another attempt may follow a transient failure.
        on_application: Called with the job's application, once it has begun.
        landings: The job's report of each landed date.
        checks: The results of each date's checks, also of a date that they kept from landing.
        transient: The reasons of transient failures, by date.
    """

    writer: ExecutionLogWriter = field(kw_only=True)
    biz_dts: tuple[str, ...] = field(kw_only=True)
    may_retry: bool = field(default=False, kw_only=True)
    on_application: Callable[[ApplicationReport], None] = field(
        default=lambda _: None, kw_only=True
    )
    landings: dict[str, LandingReport] = field(default_factory=dict[str, LandingReport], init=False)
    checks: dict[str, Sequence[CheckResult]] = field(
        default_factory=dict[str, Sequence[CheckResult]], init=False
    )
    transient: dict[str, str] = field(default_factory=dict[str, str], init=False)

    @property
    def row_counts(self) -> dict[str, int]:
        """Return the number of rows of each landed date."""
        return {biz_dt: landing.row_count for biz_dt, landing in self.landings.items()}

    def _landed(self) -> tuple[str, ...]:
        return tuple(sorted(self.landings))

    def _take(self, message: Message) -> None:
        super()._take(message)
        match message:
            case ApplicationReport():
                self.writer.set_application(message.spark_app_id)
                self.on_application(message)
            case ChecksReport():
                self.checks[message.biz_dt] = message.checks
            case LandingReport():
                self.landings[message.biz_dt] = message
                result = DateResult(
                    "completed",
                    message.ended,
                    started_at=message.started,
                    row_count=message.row_count,
                )
                self._end_date(message.biz_dt, result)
            case FailureReport():
                self._fail_date(message)
            case _:
                pass

    def _fail_date(self, report: FailureReport) -> None:
        failure = JobException(report.name, report.message, report.stack)
        if self.may_retry and failure.transient_cause:
            self.transient[report.biz_dt] = failure.line
            return
        now = datetime.now(timezone.utc)
        self._end_date(report.biz_dt, DateResult("failed", now, clip_utf8(failure.line)))

    def _end_date(self, biz_dt: str, result: DateResult) -> None:
        # A single date ends with its job, whose exit code counts too.
        if len(self.biz_dts) > 1:
            self.writer.end({biz_dt: result})


def _exception(params: Mapping[str, Any]) -> JobException:
    return JobException(
        str(params.get("name")), str(params.get("message")), tuple(params.get("stack") or ())
    )
