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


def test_a_calendar_of_no_days() -> None:
    assert parse_calendar("# none\n\n") == Calendar()


def test_all_that_is_no_date_is_named_with_its_line() -> None:
    with pytest.raises(ValueError, match="not dates such as 2024-05-01") as raised:
        parse_calendar("2024-05-01\n2024-02-30, soon\n\n20240501")
    assert str(raised.value).endswith(
        "'2024-02-30' in line 2, 'soon' in line 2, '20240501' in line 4"
    )
