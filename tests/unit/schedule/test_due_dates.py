"""Which dates a tick asks for, and where the next one looks."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orch_dagster.schedule.calendar import Calendar
from orch_dagster.schedule.due_dates import DueDates, catchup_start, due_dates

# A Wednesday; Monday the 20th is a holiday.
CALENDAR = Calendar(frozenset({date(2024, 5, 20)}))
BEGIN = date(2024, 5, 15)


def days(*numbers: int) -> list[date]:
    return [date(2024, 5, number) for number in numbers]


@pytest.mark.parametrize(
    ("tick", "covered", "catchup", "asked", "left", "up_to"),
    [
        # The next business day: nothing was passed over.
        (16, [], 5, [16], 0, 15),
        # Over a weekend and a holiday.
        (21, [16, 17], 5, [21], 0, 17),
        # Some were passed over, oldest first; they may come to nothing, so the next looks again.
        (22, [], 5, [16, 17, 21, 22], 0, 15),
        (22, [17], 5, [16, 21, 22], 0, 15),
        # More than a tick may ask for: its own date all the same, the others later.
        (24, [], 2, [16, 17, 24], 3, 15),
        (24, [16, 17], 2, [21, 22, 24], 1, 17),
        # None of them is wanted.
        (24, [], 0, [24], 0, 23),
        # Asked for already, with and without dates that were passed over.
        (16, [16], 5, [], 0, 15),
        (22, [16, 22], 5, [17, 21], 0, 16),
    ],
)
def test_due_dates(
    tick: int, covered: list[int], catchup: int, asked: list[int], left: int, up_to: int
) -> None:
    (at, looks) = days(tick, up_to)
    found = due_dates(at, BEGIN, set(days(*covered)), CALENDAR, catchup)
    assert found == DueDates(tuple(days(*asked)), left, looks)


def test_a_tick_before_what_was_looked_at_does_not_lead_back() -> None:
    (tick,) = days(14)
    assert due_dates(tick, BEGIN, set(), CALENDAR, 5) == DueDates((tick,), 0, BEGIN)


@given(st.lists(st.booleans(), min_size=5, max_size=40), st.integers(1, 6))
def test_whatever_ticks_are_lost_every_business_day_is_asked_for_once(
    arrives: list[bool], catchup: int
) -> None:
    up_to, asked = BEGIN, list[date]()
    ticks = [*CALENDAR.between(BEGIN, date(2025, 1, 1))]
    # After those that may be lost, enough that none is.
    outcomes = [*arrives, *[True] * (len(arrives) + 1)]
    for tick, has_run in zip(ticks, outcomes, strict=False):
        due = due_dates(tick, up_to, set(asked), CALENDAR, catchup)
        up_to = due.up_to
        if has_run:
            asked += due.dates
    assert sorted(asked) == ticks[: len(outcomes)]


@pytest.mark.parametrize(
    ("rows", "of_others", "catchup", "expected"),
    [
        # Nothing is open: from the business day before.
        ([], [], 5, 17),
        ([22], [], 5, 17),
        # The newest row, but never as far as the tick's own date.
        ([8, 10, 16], [], 5, 16),
        ([8, 10, 21], [], 5, 17),
        # What another schedule opened is passed over by this one, as far as it catches up.
        ([10, 13, 14, 15, 16, 17, 21], [13, 14, 15, 16, 17, 21], 5, 10),
        ([3, 13, 14, 15, 16, 17], [13, 14, 15, 16, 17], 2, 15),
        ([13, 14, 15, 16, 17], [13, 14, 15, 16, 17], 0, 17),
        # Somebody opened one since.
        ([10, 13, 14, 15], [13, 14], 5, 15),
    ],
)
def test_where_the_first_tick_looks(
    rows: list[int], of_others: list[int], catchup: int, expected: int
) -> None:
    (tick, looks) = days(21, expected)
    found = catchup_start(tick, days(*rows), set(days(*of_others)), CALENDAR, catchup)
    assert found == looks
