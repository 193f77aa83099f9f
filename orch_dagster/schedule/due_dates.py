"""Which business dates a tick of a schedule asks for: its own, and those that were passed over."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from orch_dagster.schedule.calendar import Calendar


@dataclass(frozen=True)
class DueDates:
    """What a tick asks for, and what it leaves.

    Attributes:
        dates: The dates, oldest first.
        left: How many older ones follow at later ticks.
        up_to: No business day up to this one is left; where the next tick starts to look.
    """

    dates: tuple[date, ...]
    left: int
    up_to: date


def catchup_start(
    tick: date,
    rows: Collection[date],
    of_others: Collection[date],
    calendar: Calendar,
    catchup: int,
) -> date:
    """Up to where nothing was passed over, at a schedule's first tick: the newest row.

    Where another schedule of the group opened that row, this one may have been meant to, too: then
    the newest row that none of them opened, but no more dates than a tick may ask for.

    Args:
        tick: The business date of the tick.
        rows: The dates that are open.
        of_others: Those that other schedules of the group asked for.
        calendar: The business days.
        catchup: How many passed-over dates a tick asks for.
    """
    before = calendar.before(tick, 1)
    newest = max(rows, default=before)
    if newest in of_others:
        own = [day for day in rows if day not in of_others]
        newest = max([*own, calendar.before(tick, catchup + 1)])
    return min(newest, before)


def due_dates(
    tick: date, up_to: date, covered: Collection[date], calendar: Calendar, catchup: int
) -> DueDates:
    """The tick's own date, and before it the oldest of those that were passed over.

    Args:
        tick: The business date of the tick.
        up_to: Nothing up to here was passed over.
        covered: Dates that need not be asked for, as they were before, or are completed.
        calendar: The business days.
        catchup: How many passed-over dates at most; 0: they are given up.
    """
    gaps = [day for day in calendar.between(up_to, tick) if day not in covered]
    dates = gaps[:catchup] + ([] if tick in covered else [tick])
    first_left = gaps[0] if gaps and catchup else tick
    return DueDates(
        dates=tuple(dates),
        left=max(len(gaps) - catchup, 0) if catchup else 0,
        up_to=max(up_to, calendar.before(first_left, 1)),
    )
