"""The business dates that a tick of a schedule requests: its own, and missed ones."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from orch_dagster.schedule.calendar import Calendar


@dataclass(frozen=True)
class DueDates:
    """The dates that a tick requests, and how many it leaves to later ones.

    Attributes:
        dates: The dates, oldest first.
        remaining: The number of older dates that later ticks request.
        up_to: The cursor of the next tick; no business day up to this one is missing.
    """

    dates: tuple[date, ...]
    remaining: int
    up_to: date


def catchup_start(
    tick: date,
    rows: Collection[date],
    of_others: Collection[date],
    calendar: Calendar,
    catchup: int,
) -> date:
    """Return the cursor of a schedule's first tick: the newest open date.

    A date that another schedule of the group opened may be missing for this one. The cursor is
    then the newest date that none of them opened, at most `catchup` missing dates back.

    Args:
        tick: The business date of the tick.
        rows: The dates that are open.
        of_others: The dates that other schedules of the group requested.
        calendar: The business days.
        catchup: How many missed dates a tick requests.
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
    """Return the tick's own date, after the oldest of the missed ones.

    Args:
        tick: The business date of the tick.
        up_to: The cursor; no date up to it is missing.
        covered: Dates that were requested before, or are completed.
        calendar: The business days.
        catchup: How many missed dates at most; 0: they are dropped.
    """
    gaps = [day for day in calendar.between(up_to, tick) if day not in covered]
    dates = gaps[:catchup] + ([] if tick in covered else [tick])
    oldest = gaps[0] if gaps and catchup else tick
    return DueDates(
        dates=tuple(dates),
        remaining=max(len(gaps) - catchup, 0) if catchup else 0,
        up_to=max(up_to, calendar.before(oldest, 1)),
    )
