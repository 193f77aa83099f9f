"""Convert the values of the control tables to Kudu's cells, and back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from orch_dagster.control.kudu.driver import Cell, Predicate
from orch_dagster.control.tables import (
    JOB_DEPENDENCY,
    Kind,
    Row,
    Table,
    Value,
    time_or_value,
    to_micros,
)

PARENT = "parent_job_id"


def to_predicate(table: Table, name: str, value: Value | Sequence[Value]) -> Predicate:
    """Convert the value that a column has to equal, or several, of which one is enough."""
    # A str is a Sequence too, but means one value.
    if isinstance(value, Sequence) and not isinstance(value, str):
        # As in SQL, null is in no list.
        cells = (to_cell(table, name, each) for each in value if each is not None)
        return tuple(dict.fromkeys(cells))
    return to_cell(table, name, value)


def to_cell(table: Table, name: str, value: Value) -> Cell:
    """Convert a value to the cell of a column."""
    if isinstance(value, datetime):
        return to_micros(value)
    column = table.column(name)
    if column is not None and column.kind is Kind.DOUBLE and value is not None:
        return float(value)
    return value


def to_row(table: Table, names: Sequence[str], cells: Sequence[Cell]) -> Row:
    """Convert the cells of these columns to a row; a null parent becomes ''."""
    row: Row = {}
    for name, cell in zip(names, cells, strict=True):
        column = table.column(name)
        if column is not None and column.kind is Kind.TIMESTAMP and cell is not None:
            row[name] = time_or_value(cell)
        elif table is JOB_DEPENDENCY and name == PARENT and cell is None:
            row[name] = ""
        else:
            row[name] = cell
    return row
