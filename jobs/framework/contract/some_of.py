"""Name a few of many things in a message, so that it stays readable whatever their number. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import islice

MOST_NAMES = 10


def some_of(names: Iterable[str], count: int, word: str = ", ", most: int = MOST_NAMES) -> str:
    """Return the first names of many, and how many more there are.

    >>> some_of(["A", "B"], 2)
    'A, B'
    >>> some_of(map(str, range(5_000)), 5_000)
    '0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 4,990 more'

    Args:
        names: The names, of which only the first are taken.
        count: Their number.
        word: What stands between two names.
        most: How many are named.
    """
    shown = word.join(islice(names, most))
    return shown if count <= most else f"{shown} and {count - most:,} more"


def some_sorted(names: Collection[str], most: int = MOST_NAMES) -> str:
    """Return the first names in order, and how many more there are."""
    return some_of(sorted(names), len(names), most=most)
