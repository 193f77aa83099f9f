"""What a job reports to the orchestrator: each message as a record, and its JSON form.

A message is the payload of a custom message of Dagster Pipes, an object whose `kind` names it. A
reader takes the default for an optional field that is missing (an older framework does not know
it) and ignores a field that it does not know (a newer one added it). Payloads of other kinds are
a script's own.
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
    """The Spark application of the job; `spark_ui` is None where it has no UI."""

    KIND: ClassVar = "application"

    spark_app_id: str
    spark_ui: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the payload."""
        return {"kind": self.KIND, **asdict(self)}

    @classmethod
    def from_json(cls, payload: Mapping[str, Any]) -> ApplicationReport:
        """Return the report that a payload holds.

        Raises:
            MessageError: the payload has another form.
        """
        with Fields.of_message(cls.KIND, payload) as fields:
            return cls(fields.text("spark_app_id"), fields.optional_text("spark_ui"))


@dataclass(frozen=True)
class StageProgress:
    """An active stage of Spark: `done` of its `tasks` are."""

    stage_id: int
    name: str
    tasks: int
    done: int


@dataclass(frozen=True)
class ProgressReport:
    """The stages that are active now, which may be none."""

    KIND: ClassVar = "progress"

    stages: tuple[StageProgress, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the payload."""
        return {"kind": self.KIND, **asdict(self)}

    @classmethod
    def from_json(cls, payload: Mapping[str, Any]) -> ProgressReport:
        """Return the report that a payload holds.

        Raises:
            MessageError: the payload has another form.
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
    """A check of a date; a blocking one that has not passed keeps the date from being published.

    The `metadata` is of numbers, texts and lists of texts.
    """

    name: str
    passed: bool
    blocking: bool
    metadata: Mapping[str, Any]


@dataclass(frozen=True)
class ChecksReport:
    """The checks of a date, reported before it is known whether the date lands."""

    KIND: ClassVar = "checks"

    biz_dt: str
    checks: tuple[CheckResult, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the payload."""
        return {"kind": self.KIND, **asdict(self)}

    @classmethod
    def from_json(cls, payload: Mapping[str, Any]) -> ChecksReport:
        """Return the report that a payload holds.

        Raises:
            MessageError: the payload has another form.
        """
        with Fields.of_message(cls.KIND, payload) as fields:
            return cls(fields.date("biz_dt"), _checks(fields.objects("checks")))


@dataclass(frozen=True)
class SinkReport:
    """What lies in a sink for the date; a table sink has no files (None)."""

    path: str
    format: str
    files: int | None
    size_bytes: int | None


@dataclass(frozen=True)
class Drift:
    """The columns that changed since the landing of the date `against`.

    Those `added` and `missing` have a `name` and a `type`, those `changed` a `name`, `from`, `to`.
    """

    against: str
    added: tuple[Mapping[str, str], ...]
    missing: tuple[Mapping[str, str], ...]
    changed: tuple[Mapping[str, str], ...]

    @property
    def has_changes(self) -> bool:
        """Whether a column changed."""
        return bool(self.added or self.missing or self.changed)


@dataclass(frozen=True)
class LandingReport:
    """A landed date; times are UTC ISO strings, durations seconds.

    `rows_read` came out of the sources' scans (None: Spark does not tell), of them `rejected_rows`
    were bad records (None: they are not told apart), which lie in `rejected_path`. `drift` is None
    where there is nothing to compare the columns with.
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

    @property
    def started(self) -> datetime:
        """When the landing of the date began."""
        return datetime.fromisoformat(self.started_at)

    @property
    def ended(self) -> datetime:
        """When it was done."""
        return self.started + timedelta(seconds=self.duration_s)

    def to_json(self) -> dict[str, Any]:
        """Return the payload."""
        return {"kind": self.KIND, **asdict(self)}

    @classmethod
    def from_json(cls, payload: Mapping[str, Any]) -> LandingReport:
        """Return the report that a payload holds.

        Raises:
            MessageError: the payload has another form.
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
            )


@dataclass(frozen=True)
class FailureReport:
    """A date that did not land, while the others go on: its exception as `traceback` shows it."""

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
        """Return the report that a payload holds.

        Raises:
            MessageError: the payload has another form.
        """
        with Fields.of_message(cls.KIND, payload) as fields:
            return cls(
                biz_dt=fields.date("biz_dt"),
                name=fields.text("name"),
                message=fields.text("message"),
                stack=fields.texts("stack"),
            )


Message: TypeAlias = (
    ApplicationReport | ProgressReport | ChecksReport | LandingReport | FailureReport
)

_KINDS: Mapping[str, type[Message]] = {
    kind.KIND: kind
    for kind in (ApplicationReport, ProgressReport, ChecksReport, LandingReport, FailureReport)
}


def is_message(payload: object, kind: type[Message] | None = None) -> bool:
    """Whether a payload says that it is a message, of one kind or of any."""
    named = payload.get("kind") if isinstance(payload, dict) else None
    return isinstance(named, str) and (named == kind.KIND if kind else named in _KINDS)


def message_of(payload: object) -> Message | None:
    """Return the message that a payload holds, None where it is a script's own.

    >>> message_of({"kind": "application", "spark_app_id": "app-1", "spark_ui": None})
    ApplicationReport(spark_app_id='app-1', spark_ui=None)
    >>> message_of({"kind": "mine"}) is None
    True

    Raises:
        MessageError: its kind is one of these, and its form another.
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
