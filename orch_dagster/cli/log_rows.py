"""Find the rows of execution_log that `orch log` is asked for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from orch_dagster.cli.log_lines import status_word
from orch_dagster.control.store import ControlStore, Where
from orch_dagster.control.tables import EXECUTION_LOG, JOB_MASTER, Row, to_micros
from orch_dagster.errors import UnknownJobError
from orch_dagster.registry.names import job_ids_named

_MICROS = re.compile(r"[0-9]{1,20}(?=_)")
# A statement of SQLite has 32,766 variables at most.
_IDS_A_READ = 1_000


@dataclass(frozen=True)
class LogFilter:
    """The rows to show.

    Attributes:
        name: A job_name, a job_id or a group; rows of its jobs under older names count too.
        biz_dts: Business dates; empty for all.
        first: The first business date of a range.
        last: Its last.
        statuses: Statuses without their messages; empty for all.
        since: The earliest start.
    """

    name: str | None = None
    biz_dts: tuple[str, ...] = ()
    first: str | None = None
    last: str | None = None
    statuses: tuple[str, ...] = ()
    since: datetime | None = None

    def has(self, row: Row) -> bool:
        """Tell whether a row is shown, as far as the store does not filter it."""
        biz_dt = str(row["biz_dt"] or "")
        return (
            (not self.statuses or status_word(row) in self.statuses)
            and (self.first or biz_dt) <= biz_dt <= (self.last or biz_dt)
            and (self.since is None or started(row) >= to_micros(self.since))
        )


def find_rows(store: ControlStore, asked: LogFilter, limit: int | None) -> tuple[list[Row], int]:
    """Return the newest rows, by their start, and how many there are in all.

    Raises:
        UnknownJobError: If no job has the name, nor a row of the log.
    """
    dates: Where = {"biz_dt": asked.biz_dts} if asked.biz_dts else {}
    wheres, error = _of_name(store, asked.name) if asked.name else ([{}], None)
    columns = ["id", "start_time", "status", "biz_dt"]
    # The log may span years, so only the rows to show are read in full.
    found = {
        row["id"]: row
        for where in wheres
        for row in store.read(EXECUTION_LOG, {**where, **dates}, columns)
    }
    if error and not found and not _has_rows(store, wheres):
        raise error
    ages = sorted(filter(asked.has, found.values()), key=_age, reverse=True)
    rows = read_by_id(store, [str(row["id"]) for row in ages[:limit]])
    return rows, len(ages)


def read_by_id(store: ControlStore, ids: Sequence[str]) -> list[Row]:
    """Return the rows with these ids, the newest first."""
    starts = range(0, len(ids), _IDS_A_READ)
    rows = [
        row
        for start in starts
        for row in store.read(EXECUTION_LOG, {"id": ids[start : start + _IDS_A_READ]})
    ]
    return sorted(rows, key=_age, reverse=True)


def started(row: Row) -> int:
    """Return when the step of a row started, in micros; the run's creation if it never did."""
    start = row["start_time"]
    if isinstance(start, datetime):
        return to_micros(start)
    created = _MICROS.match(str(row["id"]))
    return int(created[0]) if created else 0


def _age(row: Row) -> tuple[int, str]:
    return started(row), str(row["id"])


def _of_name(store: ControlStore, name: str) -> tuple[list[Where], UnknownJobError | None]:
    """Return the filters of a name, and the error that there is if they find nothing."""
    masters = store.read(JOB_MASTER, columns=["job_id", "job_name", "context_params"])
    names = {str(row["job_id"]): str(row["job_name"]) for row in masters}
    try:
        ids = job_ids_named(name, masters, names)
    except UnknownJobError as error:
        # Rows outlive the jobs that they are of.
        return [{"job_name": name}, {"job_id": name}], error
    return [{"job_id": ids}, {"job_name": _unique(names[each] for each in ids)}], None


def _has_rows(store: ControlStore, wheres: Sequence[Where]) -> bool:
    return any(store.read(EXECUTION_LOG, where, ["id"]) for where in wheres)


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
