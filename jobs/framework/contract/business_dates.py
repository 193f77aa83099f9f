"""The dates that business dates, their windows and stamps may have."""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache

FIRST_DATE = date(1900, 1, 1)
LAST_DATE = date(2200, 12, 31)

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


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if _ISO_DATE.fullmatch(text) else None
    except ValueError:
        return None
