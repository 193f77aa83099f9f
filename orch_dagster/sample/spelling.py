"""Spell a value in a CSV cell as the source system does, not always in the same way.

Functions here return the text of a cell between two commas, quotes included.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from orch_dagster.sample.dice import Dice

# The source's spellings of a missing value: nothing, an empty string, two tokens.
NO_VALUE_CELLS = ("", '""', "NULL", "\\N")

_NEEDS_QUOTES = frozenset(',"\r\n')


class Speller:
    """Spells the cells of a row, which has one date format."""

    def __init__(self, dice: Dice) -> None:
        self._dice = dice
        self._is_iso = dice.below(3) > 0

    def cell(self, value: str | int | Decimal | date | None) -> str:
        """Spell a value: None as one of NO_VALUE_CELLS, text sometimes with blanks around it."""
        if value is None:
            return self._dice.pick(NO_VALUE_CELLS)
        if isinstance(value, date):
            return self._moment(value)
        return quoted(self._padded(str(value)))

    def _moment(self, value: date) -> str:
        day = (
            f"{value.year:04d}-{value.month:02d}-{value.day:02d}"
            if self._is_iso
            else f"{value.day:02d}/{value.month:02d}/{value.year:04d}"
        )
        return f"{day} {value:%H:%M:%S}" if isinstance(value, datetime) else day

    def _padded(self, text: str) -> str:
        drawn = self._dice.below(64)
        return f"  {text}" if drawn == 0 else f"{text} " if drawn == 1 else text


def quoted(text: str) -> str:
    """Quote a text for CSV if needed (RFC 4180: quotes inside are doubled)."""
    if _NEEDS_QUOTES.isdisjoint(text):
        return text
    return '"' + text.replace('"', '""') + '"'
