"""The text of a calendar: which weekdays are open, and the dates that are not as their weekday."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from framework.contract.business_dates import date_fault
from framework.contract.some_of import some_of

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

_LISTED_LINES = 10
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


class CalendarError(ValueError):
    """A calendar can't be read.

    Args:
        faults: Each kind of fault, with the words that have it.
        lines: The lines of all of these words.
    """

    def __init__(self, faults: Mapping[str, Sequence[str]], lines: Iterable[int]) -> None:
        super().__init__("; ".join(f"{kind}: {', '.join(words)}" for kind, words in faults.items()))
        numbers = sorted(set(lines))
        listed = some_of(map(str, numbers), len(numbers), most=_LISTED_LINES)
        self.without_words = f"{', '.join(faults)}, in line {listed}"
        """The same without the words, as a file may be another than a calendar."""


def calendar_days(text: str) -> CalendarDays:
    """Read words, separated by commas or white space; `#` begins a comment of its line.

    A date such as 2024-05-01 is a holiday, +2024-05-04 a working day. `sun-thu` and `sat` are the
    open weekdays; without any, those are Monday to Friday.

    >>> sorted(calendar_days("sun-thu").weekdays)
    [0, 1, 2, 3, 6]

    Raises:
        CalendarError: If something can't be read, or a date is both; names all of it, with its
            lines.
    """
    weekdays: set[int] = set()
    holidays: set[date] = set()
    working_days: set[date] = set()
    not_dates: list[str] = []
    not_weekdays: list[str] = []
    lines: list[int] = []
    line_of: dict[date, int] = {}
    for number, word in _words(text):
        is_working = word.startswith("+")
        if (day := _date(word.removeprefix("+"))) is not None:
            (working_days if is_working else holidays).add(day)
            line_of[day] = number
        elif (of_week := _weekdays(word)) is not None:
            weekdays |= of_week
        else:
            faults = not_weekdays if _LIKE_WEEKDAYS.match(word) else not_dates
            faults.append(f"{word!r} in line {number}")
            lines.append(number)
    both = sorted(holidays & working_days)
    kinds = {
        "not dates such as 2024-05-01": not_dates,
        "not weekdays such as sat or sun-thu": not_weekdays,
        "both a holiday and a working day": [day.isoformat() for day in both],
    }
    if faulty := {kind: words for kind, words in kinds.items() if words}:
        raise CalendarError(faulty, [*lines, *(line_of[day] for day in both)])
    return CalendarDays(
        frozenset(weekdays) or MONDAY_TO_FRIDAY, frozenset(holidays), frozenset(working_days)
    )


def _words(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), start=1):
        for word in filter(None, _BETWEEN_WORDS.split(line.partition("#")[0])):
            yield number, word


def _date(word: str) -> date | None:
    return None if date_fault(word) else date.fromisoformat(word)


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
