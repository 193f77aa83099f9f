"""Business days: the open weekdays of a calendar, without its holidays, with its working days."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from framework.contract.calendar_days import (
    MONDAY_TO_FRIDAY,
    WEEKDAYS,
    CalendarDays,
    calendar_days,
)

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Calendar:
    """A calendar of business days.

    Attributes:
        holidays: Days that are not business days, whatever their weekday.
        weekdays: The weekdays that are business days; Monday is 0.
        working_days: Days that are business days, whatever their weekday.
    """

    holidays: frozenset[date] = frozenset()
    weekdays: frozenset[int] = MONDAY_TO_FRIDAY
    working_days: frozenset[date] = frozenset()

    @classmethod
    def of(cls, days: CalendarDays) -> Calendar:
        """Return the calendar of the days that a text names."""
        return cls(days.holidays, days.weekdays, days.working_days)

    def why_closed(self, day: date) -> str | None:
        """Return why the day is not a business day, such as ``a Saturday``, or None if it is."""
        if day in self.holidays:
            return "a holiday of its calendar"
        if day.weekday() in self.weekdays or day in self.working_days:
            return None
        return f"a {WEEKDAYS[day.weekday()]}"

    def before(self, day: date, count: int) -> date:
        """Return the day `count` business days earlier; with 0 the day itself.

        Raises:
            OverflowError: If the result is before the year 1.
        """
        while count:
            day -= _DAY
            if not self.why_closed(day):
                count -= 1
        return day

    def between(self, after: date, until: date) -> Iterator[date]:
        """Yield the business days between two days, both excluded, oldest first."""
        for number in range(after.toordinal() + 1, until.toordinal()):
            day = date.fromordinal(number)
            if not self.why_closed(day):
                yield day


def parse_calendar(text: str) -> Calendar:
    """Read a calendar, as calendar_days does.

    Raises:
        ValueError: If something can't be read; names all of it, with its lines.
    """
    return Calendar.of(calendar_days(text))
