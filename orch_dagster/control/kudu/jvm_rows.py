"""Read and write rows through the Java client's objects, and read its columns and errors."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from orch_dagster.control.kudu.driver import (
    BYTES_PER_FLUSH,
    ROW_CHARACTERS,
    ROWS_PER_FLUSH,
    Cell,
    ColumnShape,
    Operation,
    Refusal,
)

_OPERATIONS = {
    "insert_ignore": "newInsertIgnore",
    "upsert": "newUpsert",
    "update": "newUpdate",
    "delete": "newDelete",
}


def column_shape(column: Any) -> ColumnShape:
    """Convert a ColumnSchema of Java."""
    return ColumnShape(
        str(column.getName()),
        str(column.getType().name()),
        bool(column.isKey()),
    )


def read_rows(scanner: Any, schema: Any, columns: Sequence[str]) -> list[tuple[Cell, ...]]:
    """Read the rows of a KuduScanner, whose projection is these columns."""
    rows: list[tuple[Cell, ...]] = []
    getters = [*enumerate(_getter(schema, name) for name in columns)]
    while scanner.hasMoreRows():
        for row in scanner.nextRows():
            rows.append(tuple(None if row.isNull(at) else get(row, at) for at, get in getters))
    return rows


def _getter(schema: Any, name: str) -> Callable[[Any, int], Cell]:
    match str(schema.getColumn(name).getType().name()):
        case "STRING":
            return lambda row, place: str(row.getString(place))
        case "DOUBLE":
            return lambda row, place: float(row.getDouble(place))
        case _:
            return lambda row, place: int(row.getLong(place))


def write_rows(
    session: Any, table: Any, operation: Operation, rows: Sequence[Mapping[str, Cell]]
) -> list[Refusal]:
    """Write rows by a KuduSession with manual flush; return those that were refused."""
    schema = table.getSchema()
    setters = {name: _setter(schema, name) for name in {n for row in rows for n in row}}
    new_operation = getattr(table, _OPERATIONS[operation])
    refusals: list[Refusal] = []
    applied = buffered_bytes = 0
    for number, row in enumerate(rows, start=1):
        write = new_operation()
        partial = write.getRow()
        for name, value in row.items():
            if value is None:
                partial.setNull(name)
            else:
                buffered_bytes += setters[name](partial, value)
        session.apply(write)
        full = number - applied == ROWS_PER_FLUSH or buffered_bytes >= BYTES_PER_FLUSH
        if full or number == len(rows):
            refusals += [
                _refusal(answer.getRowError()) for answer in session.flush() if answer.hasRowError()
            ]
            applied, buffered_bytes = number, 0
    return refusals


def _setter(schema: Any, name: str) -> Callable[[Any, Any], int]:
    """Return a function that sets a row's value and returns its approximate size in bytes."""
    place = schema.getColumnIndex(name)

    def text(row: Any, value: str) -> int:
        data = value.encode()
        row.addStringUtf8(place, data)
        return len(data)

    def real(row: Any, value: float) -> int:
        row.addDouble(place, value)
        return 8

    def whole(row: Any, value: int) -> int:
        row.addLong(place, value)
        return 8

    return {"STRING": text, "DOUBLE": real}.get(str(schema.getColumn(name).getType().name()), whole)


def _refusal(error: Any) -> Refusal:
    status = error.getErrorStatus()
    row = str(error.getOperation().getRow().stringifyRowKey()).strip("()")
    text = _without_trace(str(status))
    return Refusal(bool(status.isNotFound()), text, row[:ROW_CHARACTERS])


def error_text(error: Any) -> str:
    """Return the text of Java's exception, its status first, as the C++ client has it."""
    status = getattr(error, "getStatus", None)
    return _without_trace(str(status() if status is not None else error.toString()))


def _without_trace(text: str) -> str:
    """Remove the trace of the call and names of classes, meant for the client's developers."""
    text = re.split(r": (?:KuduRpc|ScanRequest|Batch)[({]", text, maxsplit=1)[0]
    text = re.sub(r"Exceptions received: \[|(?<![\w.])(?:\w+\.)+\w+Exception: ", "", text)
    return text.removesuffix("]")
