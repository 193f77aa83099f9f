"""Which days are business days, and what a calendar may say."""

from __future__ import annotations

from datetime import date

import pytest

from orch_dagster.schedule.calendar import Calendar, parse_calendar

# 2024-05-15 is a Wednesday; the 20th a Monday.
MAY = Calendar(frozenset({date(2024, 5, 1), date(2024, 5, 20)}))


def day(number: int) -> date:
    return date(2024, 5, number)


@pytest.mark.parametrize(
    ("number", "why"),
    [
        (1, "a holiday of its calendar"),
        (15, None),
        (17, None),
        (18, "a Saturday"),
        (19, "a Sunday"),
        (20, "a holiday of its calendar"),
    ],
)
def test_why_a_day_is_none(number: int, why: str | None) -> None:
    assert MAY.why_closed(day(number)) == why


@pytest.mark.parametrize(
    ("number", "count", "expected"),
    [
        (15, 0, 15),
        (15, 1, 14),
        (15, 3, 10),
        (21, 1, 17),
        (21, 2, 16),
        # From a day that is none, as from the next that is one.
        (19, 1, 17),
    ],
)
def test_so_many_business_days_earlier(number: int, count: int, expected: int) -> None:
    assert MAY.before(day(number), count) == day(expected)


@pytest.mark.parametrize(
    ("after", "until", "expected"),
    [
        (15, 22, [16, 17, 21]),
        (14, 15, []),
        (17, 21, []),
        (15, 15, []),
        (16, 15, []),
    ],
)
def test_business_days_between(after: int, until: int, expected: list[int]) -> None:
    assert list(MAY.between(day(after), day(until))) == [day(number) for number in expected]


def test_before_the_first_of_all_days() -> None:
    with pytest.raises(OverflowError):
        MAY.before(date(1, 1, 2), 5)


@pytest.mark.parametrize(
    "text",
    [
        "2024-05-01,2024-12-25",
        " 2024-05-01 , 2024-12-25, ",
        "2024-12-25 2024-05-01 2024-05-01",
        "# Bank holidays\r\n2024-05-01  # Labour Day\r\n\r\n2024-12-25\r\n",
    ],
)
def test_what_a_calendar_may_look_like(text: str) -> None:
    assert parse_calendar(text).holidays == {date(2024, 5, 1), date(2024, 12, 25)}


@pytest.mark.parametrize(
    ("text", "open_days"),
    [
        # The 13th is a Monday.
        ("", [13, 14, 15, 16, 17]),
        ("mon-sun", [13, 14, 15, 16, 17, 18, 19]),
        ("sun-sat", [13, 14, 15, 16, 17, 18, 19]),
        ("sun-thu", [13, 14, 15, 16, 19]),
        ("Sunday-Thursday 2024-05-14, +2024-05-17", [13, 15, 16, 17, 19]),
        ("mon-fri, sat", [13, 14, 15, 16, 17, 18]),
        ("SAT", [18]),
        ("fri-mon", [13, 17, 18, 19]),
        # A working day that is one anyhow, and a holiday that is none anyhow.
        ("+2024-05-15 2024-05-18", [13, 14, 15, 16, 17]),
        ("# the week\nsun-thu\n+2024-05-18 # made up", [13, 14, 15, 16, 18, 19]),
    ],
)
def test_a_calendar_says_which_days_are_open(text: str, open_days: list[int]) -> None:
    calendar = parse_calendar(text)
    days = range(13, 20)
    assert [number for number in days if not calendar.why_closed(day(number))] == open_days
    assert list(calendar.between(day(12), day(20))) == [day(number) for number in open_days]


def test_days_are_counted_by_the_week_of_the_calendar() -> None:
    gulf = parse_calendar("sun-thu 2024-05-16 +2024-05-18")
    assert gulf.why_closed(day(17)) == "a Friday"
    # Sunday's tick is of the Saturday that is made up, Monday's of Sunday.
    assert [gulf.before(day(number), 1) for number in (18, 19, 20)] == [day(15), day(18), day(19)]


def test_weekdays_that_are_misspelt_and_dates_that_are_both_are_named() -> None:
    with pytest.raises(ValueError, match="not dates") as raised:
        parse_calendar("mon-fry +2024-02-30\n2024-05-01\nsun..thu, - +2024-05-01")
    assert str(raised.value) == (
        "not dates such as 2024-05-01: '+2024-02-30' in line 1, '-' in line 3; "
        "not weekdays such as sat or sun-thu: 'mon-fry' in line 1, 'sun..thu' in line 3; "
        "both a holiday and a working day: 2024-05-01"
    )


def test_a_calendar_of_no_days() -> None:
    assert parse_calendar("# none\n\n") == Calendar()


def test_all_that_is_no_date_is_named_with_its_line() -> None:
    with pytest.raises(ValueError, match="not dates such as 2024-05-01") as raised:
        parse_calendar("2024-05-01\n2024-02-30, soon\n\n20240501")
    assert str(raised.value).endswith(
        "'2024-02-30' in line 2, 'soon' in line 2, '20240501' in line 4"
    )
