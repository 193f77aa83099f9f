"""The business dates of a range that need a run, in batches."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from orch_dagster.control.completions import completed
from orch_dagster.control.records import ProcessControl, read_records
from orch_dagster.control.store import ControlStore
from orch_dagster.registry.jobs import Group


@dataclass(frozen=True)
class RunDates:
    """The dates of a range, sorted.

    Attributes:
        to_run: The dates to run.
        completed: The dates that are skipped because every job has completed them.
        not_open: The dates that are not open.
    """

    to_run: tuple[str, ...]
    completed: tuple[str, ...]
    not_open: tuple[str, ...]

    def batches(self, size: int) -> list[tuple[str, ...]]:
        """Return the dates to run, at most `size` to a run, oldest first."""
        starts = range(0, len(self.to_run), size)
        return [self.to_run[start : start + size] for start in starts]


def days_of_range(first: str, last: str) -> tuple[str, ...]:
    """Return every date from the first to the last, as ISO strings; none if the last is earlier."""
    start, end = date.fromisoformat(first), date.fromisoformat(last)
    return tuple((start + timedelta(days)).isoformat() for days in range((end - start).days + 1))


def dates_to_run(
    store: ControlStore,
    group: Group,
    days: Sequence[str],
    *,
    only_missing: bool,
    again: Collection[str] = (),
) -> RunDates:
    """Split the dates of a range into those to run, completed ones and those not open.

    Args:
        store: The control store.
        group: The jobs.
        days: The dates of the range, in order.
        only_missing: Skip the dates that all of the jobs have completed.
        again: Dates that are missing although they have completed, as they are to be reprocessed.
    """
    rows = read_records(store, ProcessControl, group.key.columns, columns=["biz_dt"])
    is_open = {row.biz_dt for row in rows}
    opened = [day for day in days if day in is_open]
    done: set[str] = set()
    if only_missing:
        ids = group.job_ids
        pairs = completed(store, ids, opened)
        done = {day for day in opened if all((job_id, day) in pairs for job_id in ids)}
        done -= set(again)
    return RunDates(
        to_run=tuple(day for day in opened if day not in done),
        completed=tuple(day for day in opened if day in done),
        not_open=tuple(day for day in days if day not in is_open),
    )
