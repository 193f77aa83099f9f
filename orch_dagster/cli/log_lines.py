"""Rows of execution_log for people: a line for each, its error on an indented line below."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from framework.contract.visible import visible
from orch_dagster.cli import output
from orch_dagster.control.records import CANCELED, COMPLETED, FAILED_PREFIX, STARTED
from orch_dagster.control.tables import Row
from orch_dagster.text import readable_duration

SHORT_ID = 8
"""As many characters of a run's id tell it from the others; `orch log --follow` takes them."""

FAILED = FAILED_PREFIX.partition(":")[0]
STATUSES = (COMPLETED, FAILED, CANCELED, STARTED)
_STYLES = {COMPLETED: "green", FAILED: "red", CANCELED: "yellow", STARTED: "cyan"}

_GAP = "  "
_INDENT = "    "
# From this width on there is room for the start.
_WIDE = 120
_NARROWEST_NAME = 12


@dataclass(frozen=True)
class _Column:
    name: str
    is_number: bool = False
    may_be_cut: bool = False


_RUN, _JOB, _DATE = _Column("run"), _Column("job", may_be_cut=True), _Column("biz_dt")
_START, _ROWS = _Column("start"), _Column("rows", is_number=True)
_DURATION, _STATUS = _Column("duration", is_number=True), _Column("status")
_ATTEMPTS, _APPLICATION = _Column("attempts", is_number=True), _Column("spark_app_id")
_SHORT = (_RUN, _JOB, _DATE, _ROWS, _DURATION, _STATUS)
_WITH_START = (_RUN, _JOB, _DATE, _START, _ROWS, _DURATION, _STATUS)
_ALL = (*_WITH_START, _ATTEMPTS, _APPLICATION)


def status_word(row: Mapping[str, object]) -> str:
    """Return the status without its message."""
    status = str(row.get("status") or "")
    return FAILED if status.startswith(FAILED_PREFIX) else status


def print_log(rows: Sequence[Row], none: str, *, is_wide: bool = False) -> None:
    """Print rows of execution_log, or the sentence ``none`` if there are none.

    Args:
        rows: The rows.
        none: The sentence.
        is_wide: Whether whole ids, attempts and the application are shown, however wide that is.
    """
    if not rows:
        output.say(none)
        return
    for line in log_lines(rows, output.console.width, is_wide=is_wide):
        output.console.print(line)


def log_lines(rows: Sequence[Row], width: int, *, is_wide: bool = False) -> Iterable[Text]:
    """Yield the lines of a table, no line of which is wider than the width unless it is wide."""
    columns = _ALL if is_wide else _WITH_START if width >= _WIDE else _SHORT
    table = [[_cell(column, row, is_wide=is_wide) for column in columns] for row in rows]
    widths = [
        max(cell_len(each) for each in (column.name, *(cells[number] for cells in table)))
        for number, column in enumerate(columns)
    ]
    if not is_wide:
        excess = sum(widths) + len(_GAP) * (len(widths) - 1) - width
        job = columns.index(_JOB)
        widths[job] = min(widths[job], max(widths[job] - excess, _NARROWEST_NAME))
    yield _line(columns, [column.name for column in columns], widths, heading=True)
    for cells, row in zip(table, rows, strict=True):
        yield _line(columns, cells, widths)
        if error := _error(row):
            yield Text("\n".join(_wrapped(error, width)))


def duration_text(seconds: object) -> str:
    """Return a duration as Dagit shows it too; an empty text if it is unknown."""
    return readable_duration(seconds) if isinstance(seconds, int | float) else ""


def rows_text(count: object) -> str:
    """Return a number of rows, empty if it is unknown."""
    return f"{count:,}" if isinstance(count, int) else ""


def _cell(column: _Column, row: Row, *, is_wide: bool) -> str:
    run_id = visible(str(row.get("run_id") or ""))
    if column is _RUN:
        return run_id if is_wide else run_id[:SHORT_ID]
    if column is _START:
        start = row.get("start_time")
        return f"{start:%Y-%m-%d %H:%M:%S}" if isinstance(start, datetime) else ""
    if column is _ROWS:
        return rows_text(row.get("row_count"))
    if column is _DURATION:
        return duration_text(row.get("duration"))
    if column is _STATUS:
        return visible(status_word(row))
    value = row.get("job_name" if column is _JOB else column.name)
    return visible("" if value is None else str(value))


def _line(
    columns: Sequence[_Column],
    cells: Sequence[str],
    widths: Sequence[int],
    *,
    heading: bool = False,
) -> Text:
    line = Text(style="bold" if heading else "")
    for number, (column, cell, width) in enumerate(zip(columns, cells, widths, strict=True)):
        text = _cut(cell, width) if column.may_be_cut else cell
        padding = " " * (width - cell_len(text))
        line.append(_GAP if number else "")
        style = _STYLES.get(cell, "") if column is _STATUS and not heading else ""
        line.append(padding if column.is_number else "")
        line.append(text, style)
        line.append("" if column.is_number else padding)
    line.rstrip()
    return line


def _cut(text: str, width: int) -> str:
    """Return a name that fits, without its middle, as jobs of a group begin and end alike."""
    if cell_len(text) <= width:
        return text
    head = (width - 1) // 3
    tail = text
    while cell_len(tail) > width - 1 - head:
        tail = tail[1:]
    return set_cell_size(text, head) + "…" + tail


def _error(row: Row) -> str:
    status = str(row.get("status") or "")
    message = status.removeprefix(FAILED_PREFIX) if status.startswith(FAILED_PREFIX) else ""
    return visible(str(row.get("error_message") or message))


def _wrapped(error: str, width: int) -> list[str]:
    return textwrap.wrap(
        error, max(width, 40), initial_indent=_INDENT, subsequent_indent=_INDENT,
        break_on_hyphens=False,
    ) or [_INDENT]  # fmt: skip
