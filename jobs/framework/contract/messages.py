"""The messages from a job to the orchestrator, as records and in their JSON form.

A message is the payload of a custom message of Dagster Pipes, an object whose `kind` names it. A
reader uses the default for an optional field that is missing (from an older framework) and ignores
unknown fields (from a newer one). Payloads of other kinds belong to the script.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, TypeAlias

from framework.contract.message_fields import Fields, MessageError

__all__ = [
    "ApplicationReport",
    "CheckResult",
    "ChecksReport",
    "Drift",
    "FailureReport",
    "LandingReport",
    "LogReport",
    "Message",
    "MessageError",
    "ProgressReport",
    "SinkReport",
    "StageProgress",
    "is_message",
    "message_of",
]


@dataclass(frozen=True)
class ApplicationReport:
    """The Spark application of the job.

    `spark_ui` is None if it has no UI, `driver_log` the address of the log of a driver in a
    container of YARN.
    """

    KIND: ClassVar = "application"

    spark_app_id: str
    spark_ui: str | None = None
    driver_log: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the payload."""
        payload = {"kind": self.KIND, **asdict(self)}
        if self.driver_log is None:
            del payload["driver_log"]
        return payload

    @classmethod
    def from_json(cls, payload: Mapping[str, Any]) -> ApplicationReport:
        """Read the report from a payload.

        Raises:
            MessageError: If the payload has another form.
        """
        with Fields.of_message(cls.KIND, payload) as fields:
            return cls(
                fields.text("spark_app_id"),
                fields.optional_text("spark_ui"),
                fields.optional_text("driver_log"),
            )


@dataclass(frozen=True)
class LogReport:
    """Lines of the job's log, of a driver that can't write to the run's log."""

    KIND: ClassVar = "job_log"

    lines: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the payload."""
        return {"kind": self.KIND, **asdict(self)}

    @classmethod
    def from_json(cls, payload: Mapping[str, Any]) -> LogReport:
        """Read the report from a payload.

        Raises:
            MessageError: If the payload has another form.
        """
        with Fields.of_message(cls.KIND, payload) as fields:
            return cls(fields.texts("lines"))


@dataclass(frozen=True)
class StageProgress:
    """An active stage of Spark, with `done` of its `tasks` done."""

    stage_id: int
    name: str
    tasks: int
    done: int


@dataclass(frozen=True)
class ProgressReport:
    """The stages that are active now, possibly none."""

    KIND: ClassVar = "progress"

    stages: tuple[StageProgress, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the payload."""
        return {"kind": self.KIND, **asdict(self)}

    @classmethod
    def from_json(cls, payload: Mapping[str, Any]) -> ProgressReport:
        """Read the report from a payload.

        Raises:
            MessageError: If the payload has another form.
        """
        with Fields.of_message(cls.KIND, payload) as fields:
            return cls(
                tuple(
                    StageProgress(
                        stage_id=stage.count("stage_id"),
                        name=stage.text("name"),
                        tasks=stage.count("tasks"),
                        done=stage.count("done"),
                    )
                    for stage in fields.objects("stages")
                )
            )


@dataclass(frozen=True)
class CheckResult:
    """A check of a date; a blocking one that fails keeps the date from being published.

    The values of `metadata` are numbers, texts and lists of texts.
    """

    name: str
    passed: bool
    blocking: bool
    metadata: Mapping[str, Any]


@dataclass(frozen=True)
class ChecksReport:
    """The checks of a date, reported before the date is published."""

    KIND: ClassVar = "checks"

    biz_dt: str
    checks: tuple[CheckResult, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the payload."""
        return {"kind": self.KIND, **asdict(self)}

    @classmethod
    def from_json(cls, payload: Mapping[str, Any]) -> ChecksReport:
        """Read the report from a payload.

        Raises:
            MessageError: If the payload has another form.
        """
        with Fields.of_message(cls.KIND, payload) as fields:
            return cls(fields.date("biz_dt"), _checks(fields.objects("checks")))


@dataclass(frozen=True)
class SinkReport:
    """The files of a sink for the date; None for a table, which has no files."""

    path: str
    format: str
    files: int | None
    size_bytes: int | None


@dataclass(frozen=True)
class Drift:
    """The changes of columns since the landing of the date `against`.

    Columns that are `added` or `missing` have a `name` and a `type`, those that are `changed` a
    `name`, `from` and `to`.
    """

    against: str
    added: tuple[Mapping[str, str], ...]
    missing: tuple[Mapping[str, str], ...]
    changed: tuple[Mapping[str, str], ...]

    @property
    def has_changes(self) -> bool:
        """Return whether a column changed."""
        return bool(self.added or self.missing or self.changed)


@dataclass(frozen=True)
class LandingReport:
    """A landed date; times are UTC ISO strings, durations seconds.

    `rows_read` is the number of rows that the sources' scans gave (None: unknown), `rejected_rows`
    that of bad records among them (None: not quarantined), which are in `rejected_path`. `drift`
    is None if there is no landing to compare the columns with. `damaged_text` has by column the
    number of rows with NUL or U+FFFD in it (None: unknown, or not looked at), `text_searched` says
    where the sources' files were searched for such characters in part only.
    """

    KIND: ClassVar = "landing"

    biz_dt: str
    row_count: int
    columns: tuple[Mapping[str, str], ...]
    sinks: tuple[SinkReport, ...]
    started_at: str
    duration_s: float
    rows_read: int | None = None
    rejected_rows: int | None = None
    rejected_path: str | None = None
    drift: Drift | None = None
    checks: tuple[CheckResult, ...] = ()
    damaged_text: Mapping[str, int] | None = None
    text_searched: str | None = None

    @property
    def started(self) -> datetime:
        """Return when the landing of the date began."""
        return datetime.fromisoformat(self.started_at)

    @property
    def ended(self) -> datetime:
        """Return when the landing of the date ended."""
        return self.started + timedelta(seconds=self.duration_s)

    def to_json(self) -> dict[str, Any]:
        """Return the payload."""
        return {"kind": self.KIND, **asdict(self)}

    @classmethod
    def from_json(cls, payload: Mapping[str, Any]) -> LandingReport:
        """Read the report from a payload.

        Raises:
            MessageError: If the payload has another form.
        """
        with Fields.of_message(cls.KIND, payload) as fields:
            drift = fields.optional_object("drift")
            return cls(
                biz_dt=fields.date("biz_dt"),
                row_count=fields.count("row_count"),
                columns=_columns(fields, "columns"),
                sinks=tuple(_sink(each) for each in fields.objects("sinks")),
                started_at=fields.time("started_at"),
                duration_s=fields.seconds("duration_s", since="started_at"),
                rows_read=fields.optional_count("rows_read"),
                rejected_rows=fields.optional_count("rejected_rows"),
                rejected_path=fields.optional_text("rejected_path"),
                drift=_drift(drift) if drift else None,
                checks=_checks(fields.objects("checks", missing_is_empty=True)),
                damaged_text=_counts(fields.optional_object("damaged_text")),
                text_searched=fields.optional_text("text_searched"),
            )


@dataclass(frozen=True)
class FailureReport:
    """A date that did not land while the others go on, with its exception as in a traceback."""

    KIND: ClassVar = "failure"

    biz_dt: str
    name: str
    message: str
    stack: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the payload."""
        return {"kind": self.KIND, **asdict(self)}

    @classmethod
    def from_json(cls, payload: Mapping[str, Any]) -> FailureReport:
        """Read the report from a payload.

        Raises:
            MessageError: If the payload has another form.
        """
        with Fields.of_message(cls.KIND, payload) as fields:
            return cls(
                biz_dt=fields.date("biz_dt"),
                name=fields.text("name"),
                message=fields.text("message"),
                stack=fields.texts("stack"),
            )


Message: TypeAlias = (
    ApplicationReport | LogReport | ProgressReport | ChecksReport | LandingReport | FailureReport
)

_KINDS: Mapping[str, type[Message]] = {
    kind.KIND: kind
    for kind in (
        ApplicationReport,
        LogReport,
        ProgressReport,
        ChecksReport,
        LandingReport,
        FailureReport,
    )
}


def is_message(payload: object, kind: type[Message] | None = None) -> bool:
    """Return whether a payload claims to be a message, of this kind or of any."""
    name = payload.get("kind") if isinstance(payload, dict) else None
    return isinstance(name, str) and (name == kind.KIND if kind else name in _KINDS)


def message_of(payload: object) -> Message | None:
    """Read the message from a payload, or return None if the payload is the script's own.

    >>> message_of({"kind": "application", "spark_app_id": "app-1", "spark_ui": None})
    ApplicationReport(spark_app_id='app-1', spark_ui=None, driver_log=None)
    >>> message_of({"kind": "mine"}) is None
    True

    Raises:
        MessageError: If the kind is known but the form is another.
    """
    if not isinstance(payload, dict) or not is_message(payload):
        return None
    fields: dict[str, Any] = payload
    return _KINDS[fields["kind"]].from_json(fields)


def _checks(objects: Sequence[Fields]) -> tuple[CheckResult, ...]:
    return tuple(
        CheckResult(
            name=check.text("name"),
            passed=check.flag("passed"),
            blocking=check.flag("blocking"),
            metadata=check.mapping("metadata"),
        )
        for check in objects
    )


def _counts(fields: Fields | None) -> Mapping[str, int] | None:
    return None if fields is None else {name: fields.count(name) for name in fields.value}


def _sink(fields: Fields) -> SinkReport:
    return SinkReport(
        path=fields.text("path"),
        format=fields.text("format"),
        files=fields.optional_count("files"),
        size_bytes=fields.optional_count("size_bytes"),
    )


def _drift(fields: Fields) -> Drift:
    return Drift(
        against=fields.text("against"),
        added=_columns(fields, "added"),
        missing=_columns(fields, "missing"),
        changed=_columns(fields, "changed", ("name", "from", "to")),
    )


def _columns(
    fields: Fields, key: str, names: tuple[str, ...] = ("name", "type")
) -> tuple[Mapping[str, str], ...]:
    return tuple({name: each.text(name) for name in names} for each in fields.objects(key))
