"""The parameters of a job as values: what the params file says, typed and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

# Formats without files: rows are sent to a table, so nothing can be staged and swapped. The
# value is the option by which `path` names the table.
TABLE_FORMATS = {"kudu": "kudu.table", "jdbc": "dbtable"}

Mode = Literal["overwrite", "append"]


def table_options(format: str, table: str, options: Mapping[str, str] | None) -> dict[str, str]:
    """The options by which a table format finds its table; an empty `table` leaves it to them."""
    named = {TABLE_FORMATS[format.lower()]: table} if table else {}
    return {**named, **(options or {})}


@dataclass(frozen=True)
class Source:
    """One input; `path` may hold placeholders, `schema` is Spark's DDL (`id INT, name STRING`)."""

    format: str
    path: str
    options: Mapping[str, str] = field(default_factory=dict[str, str])
    schema: str | None = None

    @property
    def is_table(self) -> bool:
        """Whether `path` names a table instead of a file."""
        return self.format.lower() in TABLE_FORMATS


@dataclass(frozen=True)
class Sink:
    """One output; mode append is for tables (kudu, jdbc), all else is staged and swapped."""

    format: str
    path: str
    partition_cols: tuple[str, ...] = ()
    mode: Mode = "overwrite"
    options: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def is_table(self) -> bool:
        """Whether `path` names a table instead of a folder."""
        return self.format.lower() in TABLE_FORMATS


@dataclass(frozen=True)
class Window:
    """A process_control row: what belongs to one business date."""

    biz_dt: date
    start_dt: date | None
    end_dt: date | None
    row: Mapping[str, Any]


@dataclass(frozen=True)
class JobParams:
    """What a run was asked to do; `raw` is the whole file for anything not typed here."""

    job_id: str
    job_name: str
    run_id: str
    biz_dt: date
    biz_dts: tuple[date, ...]
    environment: str
    entity: str | None
    source_system: str | None
    sources: tuple[Source, ...]
    sinks: tuple[Sink, ...]
    hql: str | None
    allow_empty: bool
    timeout_minutes: float | None
    windows: tuple[Window, ...]
    file: str
    raw: Mapping[str, Any]

    def window(self, biz_dt: date) -> Window | None:
        """Return the process_control row of a date, or None where the file has none."""
        return next((each for each in self.windows if each.biz_dt == biz_dt), None)
