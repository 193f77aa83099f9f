"""The text of a calendar: which weekdays are open, and the dates that are not as their weekday."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

WEEKDAYS: Sequence[str] = (
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
)
"""The names of the weekdays, by date.weekday()."""

MONDAY_TO_FRIDAY = frozenset(range(5))

_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_BETWEEN_WORDS = re.compile(r"[,\s]+")
# A word that begins so is meant as weekdays, and may be misspelt.
_LIKE_WEEKDAYS = re.compile("mon|tue|wed|thu|fri|sat|sun", re.IGNORECASE)


@dataclass(frozen=True)
class CalendarDays:
    """The days of a calendar.

    Attributes:
        weekdays: The open weekdays; Monday is 0.
        holidays: Dates that are closed, whatever their weekday.
        working_days: Dates that are open, whatever their weekday.
    """

    weekdays: frozenset[int] = MONDAY_TO_FRIDAY
    holidays: frozenset[date] = frozenset()
    working_days: frozenset[date] = frozenset()


def calendar_days(text: str) -> CalendarDays:
    """Read words, separated by commas or white space; `#` begins a comment of its line.

    A date such as 2024-05-01 is a holiday, +2024-05-04 a working day. `sun-thu` and `sat` are the
    open weekdays; without any, those are Monday to Friday.

    >>> sorted(calendar_days("sun-thu").weekdays)
    [0, 1, 2, 3, 6]

    Raises:
        ValueError: If something can't be read, or a date is both; names all of it, with its lines.
    """
    weekdays: set[int] = set()
    holidays: set[date] = set()
    working_days: set[date] = set()
    not_dates: list[str] = []
    not_weekdays: list[str] = []
    for number, word in _words(text):
        is_working = word.startswith("+")
        if (day := _date(word.removeprefix("+"))) is not None:
            (working_days if is_working else holidays).add(day)
        elif (of_week := _weekdays(word)) is not None:
            weekdays |= of_week
        else:
            faults = not_weekdays if _LIKE_WEEKDAYS.match(word) else not_dates
            faults.append(f"{word!r} in line {number}")
    both = sorted(day.isoformat() for day in holidays & working_days)
    kinds = {
        "not dates such as 2024-05-01": not_dates,
        "not weekdays such as sat or sun-thu": not_weekdays,
        "both a holiday and a working day": both,
    }
    if reasons := [f"{kind}: {', '.join(words)}" for kind, words in kinds.items() if words]:
        raise ValueError("; ".join(reasons))
    return CalendarDays(
        frozenset(weekdays) or MONDAY_TO_FRIDAY, frozenset(holidays), frozenset(working_days)
    )


def _words(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), start=1):
        for word in filter(None, _BETWEEN_WORDS.split(line.partition("#")[0])):
            yield number, word


def _date(word: str) -> date | None:
    if not _ISO_DATE.fullmatch(word):
        return None
    try:
        return date.fromisoformat(word)
    except ValueError:
        return None


def _weekdays(word: str) -> frozenset[int] | None:
    """Return the weekdays of a name or a range of names, which may go round the week's end."""
    names = {name.lower(): number for number, name in enumerate(WEEKDAYS)}
    names |= {name[:3]: number for name, number in names.items()}
    first, dash, last = word.lower().partition("-")
    if first not in names or (dash and last not in names):
        return None
    start = names[first]
    length = (names[last] - start) % 7 + 1 if dash else 1
    return frozenset((start + days) % 7 for days in range(length))
