"""What a job says while it runs, by its message file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from orch_dagster.defs.step.log_writer import ExecutionLogWriter
from orch_dagster.execution_log import DateResult
from orch_dagster.spark.outcome import JobException, ResultMessages
from orch_dagster.spark.progress import Stage, stages_of
from orch_dagster.text import clip_utf8


@dataclass
class JobMessages:
    """Called with each message, in the reader's thread; keeps what the job said so far.

    Attributes:
        log_writer: Told of the application, and of several dates how each ended.
        biz_dts: The dates that the job is to land.
        progress: Told of the Spark stages that are active.
        application: The job's report of its Spark application.
        landings: Its report of each landed date.
        checks: Its results of each date's checks, also where they kept the date from landing.
        may_retry: Whether another attempt may follow, so that a failure that may pass is no end.
        passing: The dates that failed so, and why.
    """

    log_writer: ExecutionLogWriter
    biz_dts: tuple[str, ...]
    progress: Callable[[Sequence[Stage]], None]
    may_retry: bool = False
    passing: dict[str, str] = field(default_factory=dict)
    application: Mapping[str, Any] = field(default_factory=dict)
    landings: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    checks: dict[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    _opened: bool = False
    _closed: bool = False
    _exception: JobException | None = None

    def __call__(self, message: Mapping[str, Any]) -> None:
        """Take in one message, as the job wrote it."""
        params = message.get("params") or {}
        match message.get("method"):
            case "opened":
                self._opened = True
            case "closed":
                self._closed = True
                if said := params.get("exception"):
                    self._exception = _exception(said)
            case "report_custom_message":
                self._hear(params.get("payload") or {})
            case _:
                pass

    def messages(self) -> ResultMessages:
        """What outcome.judge wants to know."""
        return ResultMessages(
            opened=self._opened,
            closed=self._closed,
            exception=self._exception,
            landed=tuple(sorted(self.landings)),
        )

    def _hear(self, payload: Mapping[str, Any]) -> None:
        match payload.get("kind"):
            case "application":
                self.application = payload
                self.log_writer.set_application(str(payload["spark_app_id"]))
            case "progress":
                self.progress(stages_of(payload))
            case "checks":
                self.checks[str(payload["biz_dt"])] = payload["checks"]
            case "landing":
                self.landings[str(payload["biz_dt"])] = payload
                if end := _end_of_landing(payload):
                    self._date_ended(payload, end)
            case "failure":
                failure = _exception(payload)
                if self.may_retry and failure.passing_cause:
                    self.passing[str(payload["biz_dt"])] = failure.line
                    return
                now = datetime.now(timezone.utc)
                self._date_ended(payload, DateResult("failed", now, clip_utf8(failure.line)))
            case _:
                pass

    def _date_ended(self, payload: Mapping[str, Any], end: DateResult) -> None:
        # A single date ends with its job, whose exit is a part of the proof.
        if len(self.biz_dts) > 1:
            self.log_writer.end({str(payload["biz_dt"]): end})


def _end_of_landing(payload: Mapping[str, Any]) -> DateResult | None:
    """The end of a landed date; None of a report in another form, which the step refuses."""
    try:
        began = datetime.fromisoformat(payload["started_at"])
        over = began + timedelta(seconds=payload["duration_s"])
    except (KeyError, TypeError, ValueError):
        return None
    return DateResult("completed", over, started_at=began)


def _exception(params: Mapping[str, Any]) -> JobException:
    return JobException(
        str(params.get("name")), str(params.get("message")), tuple(params.get("stack") or ())
    )
