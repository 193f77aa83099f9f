"""Differences between the rows of a control store and the rows that it should have. Pure."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from orch_dagster.control.tables import Row, Table

Rows: TypeAlias = Mapping[str, Sequence[Row]]
"""Rows by the name of their table."""

KeyedRows: TypeAlias = dict[str, dict[str, Row]]
"""The rows of each table by their keys as text."""


def keyed(table: Table, rows: Iterable[Row]) -> dict[str, Row]:
    """Return the rows by their keys as text."""
    return {table.key_text(row): row for row in rows}


@dataclass(frozen=True)
class RowChange:
    """The change of one row.

    Attributes:
        table: Its table.
        old: The row as the store has it; None if it is new.
        new: The row as it will be; None if it is removed. Its key may differ from the old one's,
            as keys of job_dependency and sys_params hold names.
    """

    table: Table
    old: Row | None
    new: Row | None

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the names of the columns that differ; none if the row is new or removed."""
        if self.old is None or self.new is None:
            return ()
        old = self.old
        return tuple(name for name, value in self.new.items() if old.get(name) != value)

    @property
    def is_moved(self) -> bool:
        """Return whether the row gets another key."""
        return any(name in self.table.keys for name in self.columns)

    @property
    def key(self) -> str:
        """Return the row's key, the old one if it changes."""
        return self.table.key_text(self.old or self.new or {})

    @property
    def action(self) -> str:
        """Return the verb: insert, change or remove."""
        if self.old is None:
            return "insert"
        return "remove" if self.new is None else "change"

    def sentence(self) -> str:
        """Return what is done with the row, and which columns change."""
        text = f"{self.action} {self.table.name} ({self.key})"
        return f"{text}: {', '.join(self.columns)}" if self.columns else text

    def written(self) -> Row:
        """Return the columns to write: all of a new or moved row, else the key and what differs."""
        new = self.new or {}
        if self.old is None or self.is_moved:
            # A row under another key is a new one to the store.
            return new
        names = (*self.table.keys, *self.columns)
        return {name: new[name] for name in names}


@dataclass(frozen=True)
class TableChange:
    """The changes of one table.

    Attributes:
        table: The table.
        rows: The changes, in order of insert, change and remove.
        unchanged: How many of the given rows the store already has.
    """

    table: Table
    rows: tuple[RowChange, ...]
    unchanged: int

    @property
    def inserted(self) -> tuple[RowChange, ...]:
        """Return the rows that are new."""
        return tuple(each for each in self.rows if each.old is None)

    @property
    def changed(self) -> tuple[RowChange, ...]:
        """Return the rows that differ from the store's."""
        return tuple(each for each in self.rows if each.old and each.new)

    @property
    def removed(self) -> tuple[RowChange, ...]:
        """Return the rows that are taken away."""
        return tuple(each for each in self.rows if each.new is None)

    def counts(self) -> dict[str, object]:
        """Return the counts of the table as a row; `removed` only if there are any."""
        removed = {"removed": len(self.removed)} if self.removed else {}
        return {
            "table": self.table.name,
            "inserted": len(self.inserted),
            "changed": len(self.changed),
            **removed,
            "left": self.unchanged,
        }


def table_change(
    table: Table,
    before: Mapping[str, Row],
    after: Mapping[str, Row],
    given: Iterable[str],
    likeness: Sequence[Callable[[Row], Hashable]] = (),
) -> TableChange:
    """Compare a table's rows before and after.

    Args:
        table: The table.
        before: The rows by their keys as text.
        after: The same afterwards; a row may leave columns out, which then don't change.
        given: The keys of the rows that are asked for, to count those that need no change.
        likeness: Values by which a removed row and a new one count as one row whose key changes;
            the best likeness first.
    """
    gone = {key: row for key, row in before.items() if key not in after}
    come = {key: row for key, row in after.items() if key not in before}
    moved: dict[str, Row] = {}
    for like in likeness:
        by_likeness = {like(row): key for key, row in reversed(gone.items())}
        for key, row in come.items():
            if key not in moved and (old := by_likeness.pop(like(row), None)) is not None:
                moved[key] = gone.pop(old)
    changes = [
        change
        for key, row in after.items()
        if key in before or key in moved
        if (change := RowChange(table, before.get(key) or moved[key], row)).columns
    ]
    inserts = [RowChange(table, None, row) for key, row in come.items() if key not in moved]
    removals = [RowChange(table, row, None) for row in gone.values()]
    touched = {table.key_text(each.new) for each in (*inserts, *changes) if each.new}
    return TableChange(
        table, (*inserts, *changes, *removals), sum(key not in touched for key in given)
    )
