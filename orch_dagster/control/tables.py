"""The five control tables, declared once: every store's DDL, the records and the docs follow."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from enum import Enum
from typing import TypeAlias

from orch_dagster.errors import RowError

Value: TypeAlias = str | int | float | datetime | None
Row: TypeAlias = dict[str, Value]

# Kudu's limit for one cell (facts of the store with the narrowest cells hold for all).
MAX_CELL_BYTES = 64 * 1024
# And for the key columns of a row together, each but the last with two bytes to end it.
MAX_KEY_BYTES = 16 * 1024


class Kind(Enum):
    """What a column holds, in terms every store can keep."""

    TEXT = "text"
    DATE = "date"
    """An ISO date as text."""
    INTEGER = "integer"
    DOUBLE = "double"
    TIMESTAMP = "timestamp"
    """UTC, microseconds."""


@dataclass(frozen=True)
class Column:
    """One column: its name, kind, whether it is of the primary key, and what it means."""

    name: str
    kind: Kind
    comment: str
    key: bool = False


@dataclass(frozen=True)
class Table:
    """One table: its primary key columns come first, as Kudu wants them."""

    name: str
    columns: tuple[Column, ...]
    comment: str

    @property
    def keys(self) -> tuple[str, ...]:
        """Names of the primary key columns, in order."""
        return tuple(column.name for column in self.columns if column.key)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all columns, in order."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column | None:
        """The column of that name, or None."""
        return next((column for column in self.columns if column.name == name), None)

    def key_text(self, row: Mapping[str, Value]) -> str:
        """The row's key for a message, such as ``entity=GELS, biz_dt=2024-05-15``."""
        return ", ".join(f"{name}={row.get(name)}" for name in self.keys)


def _key(name: str, comment: str, kind: Kind = Kind.TEXT) -> Column:
    return Column(name, kind, comment, key=True)


JOB_MASTER = Table(
    "job_master",
    (
        _key("job_id", "Identifier of the job, such as JOB_1001"),
        Column(
            "job_name", Kind.TEXT, "Unique name: the Dagster job, op and last part of the asset"
        ),
        Column("context_params", Kind.TEXT, "JSON: sources, hql, sinks and options of the job"),
        Column("script_path", Kind.TEXT, "Script under jobs/, or a URL under an allowed prefix"),
        Column("comments", Kind.TEXT, "Free text, shown as the asset's description"),
    ),
    "The landing jobs that exist",
)

PROCESS_CONTROL = Table(
    "process_control",
    (
        _key("entity", "Business entity, in upper case"),
        _key("source_system", "Source system, in upper case"),
        _key("biz_dt", "Business date", Kind.DATE),
        Column("start_dt", Kind.DATE, "First date of the window that the biz_dt covers"),
        Column("end_dt", Kind.DATE, "Last date of that window"),
        Column("process_dt", Kind.DATE, "Calendar date on which the group completed the biz_dt"),
        Column("reprocess_dt", Kind.DATE, "Run the biz_dt again from this calendar date on"),
        Column("business_keys", Kind.TEXT, "Comma list of the columns that identify a row"),
        Column("compare_cols", Kind.TEXT, "Comma list of the columns that tell a change"),
        Column("run_id", Kind.TEXT, "Dagster run that last read the row"),
        Column("last_update_ts", Kind.TIMESTAMP, "When it did"),
    ),
    "The business dates that are open, by group",
)

JOB_DEPENDENCY = Table(
    "job_dependency",
    (
        _key("dependent_job_id", "The job that waits"),
        _key("dependent_job_name", "Its name"),
        _key("parent_job_id", "The job it waits for; empty: it is a root"),
        Column("parent_job_name", Kind.TEXT, "Its name"),
        Column("dependency_level", Kind.INTEGER, "Longest way from a root, checked not obeyed"),
    ),
    "On whom the jobs wait",
)

SYS_PARAMS = Table(
    "sys_params",
    (
        _key("param_key", "A Spark property, or a setting such as schedule.cron"),
        _key("environment", "Environment it holds in, as in ORCH_ENV"),
        _key("key_name", "A job_name, a group <entity>_<source>, or *; the narrower wins"),
        Column("param_value", Kind.TEXT, "The value"),
        Column("param_type", Kind.TEXT, "spark, system, or secret (env:NAME or file:PATH)"),
    ),
    "Settings for Spark and for this system",
)

EXECUTION_LOG = Table(
    "execution_log",
    (
        _key("id", "<run creation micros>_<12 hex of run_id, job_id, biz_dt>"),
        Column("job_id", Kind.TEXT, "The job"),
        Column("job_name", Kind.TEXT, "Its name"),
        Column("run_id", Kind.TEXT, "Dagster run"),
        Column("biz_dt", Kind.DATE, "Business date"),
        Column("spark_app_id", Kind.TEXT, "Spark application, once there was one"),
        Column("status", Kind.TEXT, "Started, Completed, Canceled or Failed: <message>"),
        Column("start_time", Kind.TIMESTAMP, "When the step started"),
        Column("end_time", Kind.TIMESTAMP, "When it ended"),
        Column("duration", Kind.DOUBLE, "Seconds between the two"),
        Column("attempts", Kind.INTEGER, "Tries within the run"),
        Column("error_message", Kind.TEXT, "Message of a failure, 500 characters at most"),
    ),
    "One row for each run, job and business date",
)

TABLES = (JOB_MASTER, PROCESS_CONTROL, JOB_DEPENDENCY, SYS_PARAMS, EXECUTION_LOG)
TABLE_BY_NAME: Mapping[str, Table] = {table.name: table for table in TABLES}

_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
# No store keeps what UTF-8 cannot say, and Postgres no NUL.
_NEVER_IN_TEXT = re.compile("[\0\ud800-\udfff]")


def check_rows(table: Table, rows: Sequence[Mapping[str, Value]]) -> None:
    """Refuse values that no store should see.

    Args:
        table: The table the rows are for.
        rows: Rows by column name; columns may be left out, keys may not.

    Raises:
        RowError: All problems of all rows, each with table, key and column.
    """
    problems = [problem for row in rows for problem in _problems(table, row)]
    if problems:
        raise RowError(problems)


def _problems(table: Table, row: Mapping[str, Value]) -> list[str]:
    where = f"{table.name} ({table.key_text(row)})"
    found = [
        f"{where}: unknown column {name}; known: {', '.join(table.names)}"
        for name in row
        if table.column(name) is None
    ]
    for column in table.columns:
        value = row.get(column.name)
        if value is None:
            if column.key:
                found.append(f"{where}: key column {column.name} is missing or null")
            continue
        if problem := _value_problem(column, value):
            found.append(f"{where}: column {column.name}: {problem}")
    if not found and _key_bytes(table, row) > MAX_KEY_BYTES:
        found.append(
            f"{table.name}: key columns {', '.join(table.keys)} are together longer than "
            f"{MAX_KEY_BYTES} bytes, from {where[:200]!r} on"
        )
    return found


def _key_bytes(table: Table, row: Mapping[str, Value]) -> int:
    return sum(len(str(row[name]).encode()) + 2 for name in table.keys) - 2


def _value_problem(column: Column, value: str | int | float | datetime) -> str | None:
    match column.kind:
        case Kind.TEXT | Kind.DATE:
            return _text_problem(value, is_date=column.kind is Kind.DATE)
        case Kind.INTEGER:
            if isinstance(value, bool) or not isinstance(value, int):
                return f"{value!r} is not a whole number"
            if not -(2**63) <= value < 2**63:
                return f"{value} does not fit 64 bits"
        case Kind.DOUBLE:
            if isinstance(value, bool) or not isinstance(value, int | float):
                return f"{value!r} is not a number"
            if not math.isfinite(value):
                return f"{value!r} is not finite"
        case Kind.TIMESTAMP:
            if not isinstance(value, datetime) or value.tzinfo is None:
                return f"{value!r} is not a time with a time zone"
            if not _is_in_utc_years(value):
                return f"{value!r} lies outside the years 1 to 9999 of UTC"
    return None


def _text_problem(value: object, *, is_date: bool) -> str | None:
    if not isinstance(value, str):
        return f"{value!r} is not text"
    if len(value.encode("utf-8", "surrogatepass")) > MAX_CELL_BYTES:
        return f"longer than {MAX_CELL_BYTES} bytes"
    if bad := _NEVER_IN_TEXT.search(value):
        return f"holds {bad[0]!r}, which no store keeps"
    if is_date and not is_iso_date(value):
        return f"{value!r} is not a date such as 2024-05-15"
    return None


def _is_in_utc_years(moment: datetime) -> bool:
    try:
        moment.astimezone(timezone.utc)
    except OverflowError:
        return False
    return True


def is_iso_date(text: str) -> bool:
    """Whether the text is a real date in the form 2024-05-15."""
    if not _ISO_DATE.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def to_micros(moment: datetime) -> int:
    """Microseconds since 1970 UTC, exact (no float between)."""
    delta = moment.astimezone(timezone.utc) - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def from_micros(micros: int) -> datetime:
    """The aware UTC time of that many microseconds since 1970."""
    # Not fromtimestamp, which Windows refuses before 1970.
    return _EPOCH + timedelta(microseconds=micros)
