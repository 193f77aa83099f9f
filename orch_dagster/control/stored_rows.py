"""Set aside stored rows with values that their columns can't have, as something else wrote them.

`orch apply` refuses such values. Without a check here, one of them would stop whatever reads it.
"""

from __future__ import annotations

import hashlib
import logging
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from functools import cached_property, lru_cache
from typing import Any

from framework.contract.business_dates import WINDOW
from orch_dagster.control.tables import (
    JOB_DEPENDENCY,
    MAX_CELL_BYTES,
    Column,
    Kind,
    Row,
    Table,
    date_test_of,
    shown,
    value_problem,
)

_LOG = logging.getLogger("orch_dagster")

# As Python reads bytes that are not UTF-8.
_NOT_UTF8 = re.compile("[\udc80-\udcff]")
_WITH_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d[\d:.]*(Z|[+-]\d\d:?\d\d)?", re.ASCII)
_STAMPS = ("process_dt", "reprocess_dt")
# Beyond these, a table is broken as a whole, and `orch doctor` has the rest.
_NAMED_AT_MOST = 20


@dataclass(frozen=True)
class BadRow:
    """A stored row that is set aside.

    Attributes:
        table: Its table.
        cells: What was read of it, as the store has it.
        problems: The column and what is wrong with its value, for each that can't be used.
    """

    table: Table
    cells: Mapping[str, object]
    problems: tuple[tuple[str, str], ...]

    @property
    def key(self) -> str:
        """Return the row's key for a message; long and binary values are not shown whole."""
        names = [name for name in self.table.keys if name in self.cells] or [*self.cells]
        return ", ".join(f"{name}={self._shown(name)}" for name in names)

    def _shown(self, name: str) -> str:
        value = self.cells[name]
        is_short = isinstance(value, str) and len(value) <= 200 and value.isprintable()
        return str(value) if is_short else shown(value)

    @cached_property
    def handle(self) -> str:
        """Return the name by which `orch remove --set-aside` knows the row: eight hex digits."""
        key = repr([self.cells.get(name) for name in self.table.keys])
        return hashlib.sha256(f"{self.table.name} {key}".encode("utf-8", "replace")).hexdigest()[:8]

    @property
    def reason(self) -> str:
        """Return what is wrong with it, in a sentence."""
        return "; ".join(f"column {name}: {problem}" for name, problem in self.problems)

    def text(self, name: str) -> str | None:
        """Return a cell that can be used, None if it is null or can't."""
        value = self.cells.get(name)
        is_bad = any(column == name for column, _ in self.problems)
        return value if isinstance(value, str) and not is_bad else None

    def may_be(self, **cells: str) -> bool:
        """Return whether the row can be one with these values, where its own can be used."""
        return all(self.text(name) in (None, value) for name, value in cells.items())

    def __str__(self) -> str:
        return f"{self.table.name} ({self.key}): set aside, as {self.reason}"


@dataclass(frozen=True)
class StoredRows:
    """The rows of a table, and those that are set aside."""

    rows: list[Row] = field(default_factory=list[Row])
    bad: list[BadRow] = field(default_factory=list[BadRow])

    def warn(self) -> None:
        """Log a warning for each row that is set aside, once for a process."""
        for row in self.bad[:_NAMED_AT_MOST]:
            _warn_once(str(row))
        if (more := len(self.bad) - _NAMED_AT_MOST) > 0:
            name = self.bad[0].table.name
            _warn_once(f"{name}: {more} more rows are set aside; `orch doctor` names them")


@lru_cache(maxsize=10_000)
def _warn_once(text: str) -> None:
    _LOG.warning("%s", text)


def _is_plain_text(value: object) -> bool:
    return (
        type(value) is str
        and 4 * len(value) <= MAX_CELL_BYTES
        and value.isascii()
        and "\0" not in value
    )


# Quick tests that only values which a column can have pass; value_problem judges the others.
_IS_PLAIN: Mapping[Kind, Callable[[Any], bool]] = {
    Kind.TEXT: _is_plain_text,
    Kind.INTEGER: lambda value: type(value) is int and -(2**63) <= value < 2**63,
    Kind.DOUBLE: lambda value: type(value) is float and math.isfinite(value),
    Kind.TIMESTAMP: lambda value: type(value) is datetime and value.tzinfo is timezone.utc,
}


def _plain_test(column: Column) -> Callable[[Any], bool]:
    fault = date_test_of(column)
    if fault is None:
        return _IS_PLAIN[column.kind]
    return lambda value: type(value) is str and fault(value) is None


def _as_read(column: Column) -> Column:
    """Return the column by which a cell is judged.

    What reads a stamp or a request names a text that is not a date, and the date stays open.
    """
    return replace(column, kind=Kind.TEXT) if column.name in _STAMPS else column


def row_judge(table: Table, names: Sequence[str]) -> Callable[[dict[str, Any]], BadRow | None]:
    """Return a function that takes a row as the store gives it, and returns it if it is bad.

    Args:
        table: The table of the rows.
        names: The columns that they have.
    """
    columns = [_as_read(column) for column in table.columns if column.name in names]
    tests = [(column.name, column.key, _plain_test(column)) for column in columns]

    def bad_row(cells: dict[str, Any]) -> BadRow | None:
        # Nearly all rows pass this, and many are read at once.
        if all(
            not is_key if (value := cells[name]) is None else is_plain(value)
            for name, is_key, is_plain in tests
        ):
            return None
        problems = tuple(
            (column.name, problem)
            for column in columns
            if (problem := _problem(table, column, cells[column.name]))
        )
        return BadRow(table, cells, problems) if problems else None

    return bad_row


def split_rows(table: Table, rows: Iterable[dict[str, Any]], names: Sequence[str]) -> StoredRows:
    """Split rows as a store gives them into usable ones and those to set aside.

    Args:
        table: Their table.
        rows: By column name; the usable ones are returned as they are.
        names: The columns that were read.
    """
    judge = row_judge(table, names)
    found = StoredRows()
    for cells in rows:
        if (bad := judge(cells)) is None:
            found.rows.append(cells)
        else:
            found.bad.append(bad)
    return found


def _problem(table: Table, column: Column, value: object) -> str | None:
    if column.name in WINDOW and isinstance(value, str):
        # As a run reads it: nothing, or the day of a time.
        if not value:
            return None
        value = value[:10] if _WITH_TIME.fullmatch(value) else value
    if isinstance(value, str) and _NOT_UTF8.search(value):
        return "is not UTF-8"
    if value is not None:
        return value_problem(column, value)
    return None if may_be_null(table, column) else "is null in the key"


def may_be_null(table: Table, column: Column) -> bool:
    """Return whether a stored row can be used without a value in a column."""
    # Older tables of dependencies may leave out what names a job besides its id.
    is_needed = table is not JOB_DEPENDENCY or column.name == "dependent_job_id"
    return not (column.key and is_needed)
