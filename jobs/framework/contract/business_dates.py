"""The dates that business dates, their windows and stamps may have."""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache

FIRST_DATE = date(1900, 1, 1)
LAST_DATE = date(2200, 12, 31)

WINDOW = ("start_dt", "end_dt")
"""The first and the last day of a date's window, as columns, placeholders and variables."""

_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


@lru_cache(maxsize=200_000)
def day_fault(text: str) -> str | None:
    """Return what is wrong with a date of any year, None if nothing is.

    >>> day_fault("9999-12-31"), day_fault("9999-12-32")
    (None, 'is not a date such as 2024-05-15')
    """
    return None if _day(text) else "is not a date such as 2024-05-15"


@lru_cache(maxsize=200_000)
def date_fault(text: str) -> str | None:
    """Return what is wrong with a date in the form 2024-05-15, None if nothing is.

    >>> date_fault("0204-05-15")
    'lies outside 1900-01-01 to 2200-12-31'
    """
    day = _day(text)
    if day is None:
        return day_fault(text)
    if not FIRST_DATE <= day <= LAST_DATE:
        return f"lies outside {FIRST_DATE} to {LAST_DATE}"
    return None


def window_fault(start_dt: date | str | None, end_dt: date | str | None) -> str | None:
    """Return what is wrong with a window as a whole, None if nothing is or an end is open.

    >>> window_fault("2024-05-16", date(2024, 5, 15))
    'start_dt 2024-05-16 is after end_dt 2024-05-15'
    """
    # The day of a time counts, and ISO dates are ordered as texts.
    start, end = (str(each)[:10] if each else "" for each in (start_dt, end_dt))
    if not start or not end or day_fault(start) or day_fault(end) or start <= end:
        return None
    return f"start_dt {start} is after end_dt {end}"


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if _ISO_DATE.fullmatch(text) else None
    except ValueError:
        return None
