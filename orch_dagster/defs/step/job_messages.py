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
class ChannelMessages:
    """Called with each message of any script, in the reader's thread; keeps what was said so far.

    Attributes:
        progress: Called with the Spark stages that are active.
        application: The script's report of its Spark application.
    """

    progress: Callable[[Sequence[Stage]], None]
    application: Mapping[str, Any] = field(default_factory=dict)
    _opened: bool = field(default=False, init=False)
    _closed: bool = field(default=False, init=False)
    _exception: JobException | None = field(default=None, init=False)

    def __call__(self, message: Mapping[str, Any]) -> None:
        """Take in one message, as the script wrote it."""
        params = message.get("params") or {}
        match message.get("method"):
            case "opened":
                self._opened = True
            case "closed":
                self._closed = True
                if exception := params.get("exception"):
                    self._exception = _exception(exception)
            case "report_custom_message":
                payload = params.get("payload")
                # A script of somebody else's may report anything.
                if isinstance(payload, dict):
                    self._take(payload)  # pyright: ignore[reportUnknownArgumentType]
            case _:
                pass

    def result(self) -> ResultMessages:
        """Return what `outcome.judge` wants to know."""
        return ResultMessages(
            opened=self._opened,
            closed=self._closed,
            exception=self._exception,
            landed=self._landed(),
        )

    def _landed(self) -> tuple[str, ...]:
        return ()

    def _take(self, payload: Mapping[str, Any]) -> None:
        match payload.get("kind"):
            case "application":
                self.application = payload
            case "progress":
                self.progress(stages_of(payload))
            case _:
                pass


@dataclass
class JobMessages(ChannelMessages):
    """The messages of a landing job.

    Attributes:
        writer: Reports the application, and of several dates how each ended.
        biz_dts: The dates that the job is to land.
        may_retry: Whether another attempt may follow, so that a transient failure is no end.
        landings: The job's report of each landed date.
        checks: Its results of each date's checks, also where they kept the date from landing.
        transient: The dates that failed transiently, and why.
    """

    writer: ExecutionLogWriter = field(kw_only=True)
    biz_dts: tuple[str, ...] = field(kw_only=True)
    may_retry: bool = field(default=False, kw_only=True)
    landings: dict[str, Mapping[str, Any]] = field(default_factory=dict, init=False)
    checks: dict[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict, init=False)
    transient: dict[str, str] = field(default_factory=dict, init=False)

    def _landed(self) -> tuple[str, ...]:
        return tuple(sorted(self.landings))

    def _take(self, payload: Mapping[str, Any]) -> None:
        super()._take(payload)
        match payload.get("kind"):
            case "application":
                self.writer.set_application(str(payload["spark_app_id"]))
            case "checks":
                self.checks[str(payload["biz_dt"])] = payload["checks"]
            case "landing":
                self.landings[str(payload["biz_dt"])] = payload
                if result := _landing_result(payload):
                    self._end_date(payload, result)
            case "failure":
                failure = _exception(payload)
                if self.may_retry and failure.transient_cause:
                    self.transient[str(payload["biz_dt"])] = failure.line
                    return
                now = datetime.now(timezone.utc)
                self._end_date(payload, DateResult("failed", now, clip_utf8(failure.line)))
            case _:
                pass

    def _end_date(self, payload: Mapping[str, Any], result: DateResult) -> None:
        # A single date ends with its job, whose exit is a part of the proof.
        if len(self.biz_dts) > 1:
            self.writer.end({str(payload["biz_dt"]): result})


def _landing_result(payload: Mapping[str, Any]) -> DateResult | None:
    """Return the result of a landed date; None of a report that the step will refuse."""
    try:
        began = datetime.fromisoformat(payload["started_at"])
        ended = began + timedelta(seconds=payload["duration_s"])
    except (KeyError, TypeError, ValueError):
        return None
    return DateResult("completed", ended, started_at=began)


def _exception(params: Mapping[str, Any]) -> JobException:
    return JobException(
        str(params.get("name")), str(params.get("message")), tuple(params.get("stack") or ())
    )
