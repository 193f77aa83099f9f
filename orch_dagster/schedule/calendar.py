"""Business days: every weekday but the holidays of a calendar."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from framework.contract.system_settings import holidays

_WEEKEND = {5: "a Saturday", 6: "a Sunday"}
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Calendar:
    """A calendar of business days.

    Attributes:
        holidays: Days that are not business days, besides the weekends.
    """

    holidays: frozenset[date] = frozenset()

    def why_closed(self, day: date) -> str | None:
        """Return why the day is not a business day, such as ``a Saturday``, or None if it is."""
        if day in self.holidays:
            return "a holiday of its calendar"
        return _WEEKEND.get(day.weekday())

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
    """Read ISO dates, separated by commas or white space; ``#`` begins a comment of its line.

    Raises:
        ValueError: If something is not a date; names all of it, with its lines.
    """
    return Calendar(holidays(text))
