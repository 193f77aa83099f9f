"""The five control tables, declared once for every store's DDL, the records and the docs."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from enum import Enum
from typing import Any, TypeAlias

from framework.contract.business_dates import WINDOW, date_fault, day_fault
from framework.contract.some_of import MOST_NAMES
from framework.contract.visible import visible
from orch_dagster.errors import RowError

Value: TypeAlias = str | int | float | datetime | None
Row: TypeAlias = dict[str, Value]

# Kudu has the narrowest limits, so they hold for all stores: here for one cell,
MAX_CELL_BYTES = 64 * 1024
# and here for the key columns of a row together, each but the last followed by two bytes.
MAX_KEY_BYTES = 16 * 1024


class Kind(Enum):
    """The type of a column, in terms that every store has."""

    TEXT = "text"
    DATE = "date"
    """An ISO date as text."""
    INTEGER = "integer"
    DOUBLE = "double"
    TIMESTAMP = "timestamp"
    """UTC, microseconds."""


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        name: Its name.
        kind: Its type.
        comment: Its meaning.
        key: Whether it belongs to the primary key.
        is_late: Whether tables of an earlier version lack it. Until `orch init` adds it, it reads
            as null there and is not written, so that such a home runs on.
    """

    name: str
    kind: Kind
    comment: str
    key: bool = False
    is_late: bool = False


@dataclass(frozen=True)
class Table:
    """A table; its primary key columns come first, as Kudu requires."""

    name: str
    columns: tuple[Column, ...]
    comment: str

    @property
    def keys(self) -> tuple[str, ...]:
        """The names of the primary key columns, in order."""
        return tuple(column.name for column in self.columns if column.key)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all columns, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def late_names(self) -> frozenset[str]:
        """The names of the columns that an existing table may lack."""
        return frozenset(column.name for column in self.columns if column.is_late)

    def column(self, name: str) -> Column | None:
        """Return the column of that name, or None."""
        return next((column for column in self.columns if column.name == name), None)

    def key_text(self, row: Mapping[str, Value]) -> str:
        """Return the row's key for a message, such as ``entity=GELS, biz_dt=2024-05-15``."""
        return visible(", ".join(f"{name}={row.get(name)}" for name in self.keys))


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
    "The landing jobs",
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
        Column("compare_cols", Kind.TEXT, "Comma list of the columns whose change counts"),
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
        Column("dependency_level", Kind.INTEGER, "Longest path from a root; checked, not obeyed"),
    ),
    "The parents of the jobs",
)

SYS_PARAMS = Table(
    "sys_params",
    (
        _key("param_key", "A Spark property, or a setting such as schedule.cron"),
        _key("environment", "Environment it is for, as in ORCH_ENV"),
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
        Column("row_count", Kind.INTEGER, "Rows that it landed; null if none did", is_late=True),
        Column(
            "error_message",
            Kind.TEXT,
            "Message of a failure, 500 characters at most; of a Started row, what the job waits "
            "for on the cluster",
        ),
    ),
    "One row for each run, job and business date",
)

TABLES = (JOB_MASTER, PROCESS_CONTROL, JOB_DEPENDENCY, SYS_PARAMS, EXECUTION_LOG)
TABLE_BY_NAME: Mapping[str, Table] = {table.name: table for table in TABLES}

_SHOWN_CHARACTERS = 60

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
# UTF-8 has no lone surrogates, and Postgres keeps no NUL.
_NEVER_IN_TEXT = re.compile("[\0\ud800-\udfff]")


def check_rows(table: Table, rows: Sequence[Mapping[str, Value]]) -> None:
    """Refuse rows with a value that a store can't keep.

    Args:
        table: The table that the rows are for.
        rows: Rows by column name; columns may be left out, keys may not.

    Raises:
        RowError: If a row has a problem; it lists all of all rows with table, key and column.
    """
    problems = [problem for row in rows for _, problem in row_problems(table, row)]
    if problems:
        raise RowError(problems)


def row_problems(table: Table, row: Mapping[str, Value]) -> Iterator[tuple[str, str]]:
    """Yield why no store should see a row: the column ('' for the row as a whole), and a sentence.

    Args:
        table: The table the row is for.
        row: By column name; columns may be left out, keys may not.
    """
    where = f"{table.name} ({table.key_text(row)})"
    unknown = [name for name in row if table.column(name) is None]
    is_whole = not unknown
    for name in unknown[:MOST_NAMES]:
        yield name, f"{where}: unknown column {name}; known: {', '.join(table.names)}"
    if (more := len(unknown) - MOST_NAMES) > 0:
        yield "", f"{where}: {more:,} more unknown columns"
    for column in table.columns:
        value = row.get(column.name)
        problem = value_problem(column, value) if value is not None else None
        if value is None and column.key:
            is_whole = False
            yield "", f"{where}: key column {column.name} is missing or null"
        elif problem:
            is_whole = False
            yield column.name, f"{where}: column {column.name}: {problem}"
    if is_whole and _key_bytes(table, row) > MAX_KEY_BYTES:
        yield (
            "",
            f"{table.name}: key columns {', '.join(table.keys)} are together longer than "
            f"{MAX_KEY_BYTES} bytes, from {where[:200]!r} on",
        )


def _key_bytes(table: Table, row: Mapping[str, Value]) -> int:
    return sum(len(str(row[name]).encode()) + 2 for name in table.keys) - 2


def date_test_of(column: Column) -> Callable[[str], str | None] | None:
    """Return what says what is wrong with a date of a column, None for a column of no dates."""
    if column.kind is not Kind.DATE:
        return None
    # An open window may begin at 0001-01-01 and end at 9999-12-31; other dates lie in 1900 to 2200.
    return day_fault if column.name in WINDOW else date_fault


def value_problem(column: Column, value: object) -> str | None:
    """Return why a column can't have a value that is not null, or None if it can."""
    match column.kind:
        case Kind.TEXT | Kind.DATE:
            return _text_problem(value, date_test_of(column))
        case Kind.INTEGER:
            if isinstance(value, bool) or not isinstance(value, int):
                return f"{shown(value)} is not a whole number"
            if not -(2**63) <= value < 2**63:
                return f"{shown(value)} does not fit 64 bits"
        case Kind.DOUBLE:
            if isinstance(value, bool) or not isinstance(value, int | float):
                return f"{shown(value)} is not a number"
            if not math.isfinite(value):
                return f"{value!r} is not finite"
        case Kind.TIMESTAMP:
            if not isinstance(value, datetime) or value.tzinfo is None:
                return f"{shown(value)} is not a time with a time zone"
            if not _is_in_utc_years(value):
                return f"{value!r} lies outside the years 1 to 9999 of UTC"
    return None


def _text_problem(value: object, date_test: Callable[[str], str | None] | None) -> str | None:
    if not isinstance(value, str):
        kind = "a date such as 2024-05-15" if date_test else "text"
        return f"{shown(value)} is not {kind}"
    # A character has 4 bytes at most, so most texts need not be encoded.
    is_long = 4 * len(value) > MAX_CELL_BYTES
    if is_long and len(value.encode("utf-8", "surrogatepass")) > MAX_CELL_BYTES:
        return f"longer than {MAX_CELL_BYTES} bytes"
    # The two tests are ten times as fast as the pattern, for the texts that most cells hold.
    is_plain = value.isascii() and "\0" not in value
    if not is_plain and (bad := _NEVER_IN_TEXT.search(value)):
        return f"holds {bad[0]!r}, which no store keeps"
    if date_test and (fault := date_test(value)):
        return f"{shown(value)} {fault}"
    return None


def shown(value: object) -> str:
    """Return a value for a message: bytes by their number, a long text by its beginning.

    What is nested is not shown, as it may hold a secret or be as long as a file.
    """
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "a mapping"
    if isinstance(value, bytes | bytearray | memoryview):
        return f"a binary value of {len(value)} bytes"
    # Not the repr of the whole, whose digits Python refuses to print, or prints for minutes.
    if isinstance(value, int) and not -(10**40) < value < 10**40:
        return f"a whole number of {value.bit_length()} bits"
    text = repr(value[:_SHOWN_CHARACTERS] if isinstance(value, str) else value)
    if isinstance(value, str) and len(value) > _SHOWN_CHARACTERS:
        return f"{text} … ({len(value)} characters)"
    return text


def _is_in_utc_years(moment: datetime) -> bool:
    if moment.tzinfo is timezone.utc:
        return True
    try:
        moment.astimezone(timezone.utc)
    except OverflowError:
        return False
    return True


def is_iso_date(text: str) -> bool:
    """Return whether the text is a date such as 2024-05-15 that a column of dates may have."""
    return date_fault(text) is None


def to_micros(moment: datetime) -> int:
    """Return the microseconds since 1970 UTC, exact (without a float)."""
    delta = moment.astimezone(timezone.utc) - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def from_micros(micros: int) -> datetime:
    """Return the aware UTC time of that many microseconds since 1970."""
    # Not fromtimestamp, which Windows refuses before 1970.
    return _EPOCH + timedelta(microseconds=micros)


def time_or_value(micros: Any) -> Any:
    """Return the time of that many microseconds, or the value itself if it is not such a number."""
    try:
        return from_micros(micros) if isinstance(micros, int) else micros
    except OverflowError:
        return micros
