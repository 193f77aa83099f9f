"""Read typed values from parsed JSON, noting every fault instead of stopping at the first."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from difflib import get_close_matches
from typing import Any, TypeAlias, cast

from framework.contract.comma_list import comma_names
from framework.contract.some_of import MOST_NAMES

Option: TypeAlias = str | int | float | bool
"""The JSON value of a reader's or writer's option."""

# Existing rows spell booleans so.
_TRUE = ("true", "yes", "on", "y", "t", "1")
_FALSE = ("false", "no", "off", "n", "f", "0")


def parse_date(text: str) -> date:
    """Parse an ISO string to a date, or to a datetime if it has a time.

    Raises:
        ValueError: If the text is not an ISO date.
    """
    if len(text) == len("2024-05-15"):
        return date.fromisoformat(text)
    # Python 3.10 does not know the Z of UTC.
    return datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith("Z") else text)


class Node:
    """A JSON object at `where` in the file; faults go to the shared list `problems`."""

    def __init__(self, value: Any, where: str, problems: list[str]) -> None:
        self.where = where
        self.problems = problems
        self.value: Mapping[str, Any] = {}
        if isinstance(value, dict):
            self.value = cast("dict[str, Any]", value)
        else:
            self.note("", f"must be an object, is {_kind(value)}")

    def note(self, key: str, problem: str) -> None:
        """Add a fault of `key`."""
        name = ".".join(part for part in (self.where, key) if part) or "the file"
        # A key may hold a lone surrogate, which can't be printed.
        name = name.encode("utf-8", "backslashreplace").decode("utf-8")
        self.problems.append(f"{name}: {problem}")

    def child(self, key: str) -> Node:
        """Return the object under `key`; a missing one is a fault and reads as empty."""
        if key not in self.value:
            self.note(key, "is missing")
            return Node({}, self._name(key), [])
        return Node(self.value[key], self._name(key), self.problems)

    def children(self, key: str) -> Iterator[Node]:
        """Yield the objects of the list under `key`; a missing list reads as empty."""
        for index, each in enumerate(self.values(key)):
            node = Node(each, f"{self._name(key)}[{index}]", self.problems)
            if isinstance(each, dict):
                yield node

    def only(self, *known: str) -> None:
        """Note every key that is not one of `known`, with the nearest of them."""
        unknown = [key for key in self.value if key not in known]
        for key in unknown[:MOST_NAMES]:
            near = get_close_matches(key.lower(), known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
            self.note(key, f"is not a key; {hint}")
        if (more := len(unknown) - MOST_NAMES) > 0:
            self.note(f"{more:,} more", "are not keys")

    def values(self, key: str) -> list[Any]:
        """Return the list under `key`; a missing one or null reads as empty."""
        value = self.value.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            self.note(key, f"must be a list, is {_kind(value)}")
            return []
        return cast("list[Any]", value)

    def text(self, key: str) -> str:
        """Return the text under `key`; missing or empty is a fault and reads as ''."""
        text = self.optional_text(key, blank_is_none=False)
        if text is None:
            self.note(key, "is missing")
        elif not text.strip():
            self.note(key, "is empty")
        return text or ""

    def optional_text(self, key: str, *, blank_is_none: bool = True) -> str | None:
        """Return the text under `key`, or None; a number is read as text."""
        value = self.value.get(key)
        if value is None or (blank_is_none and value == ""):
            return None
        if isinstance(value, bool) or not isinstance(value, str | int):
            self.note(key, f"must be text, is {_kind(value)}")
            return None if blank_is_none else "?"
        return str(value)

    def date(self, key: str) -> date:
        """Return the plain date under `key`; a fault, such as a time, reads as 1970-01-01."""
        text = self.text(key)
        parsed = self._date(key, text) if text else None
        if isinstance(parsed, datetime):
            self.note(key, f"must be a date without a time, is {text!r}")
            parsed = None
        return parsed or date(1970, 1, 1)

    def optional_date(self, key: str) -> date | None:
        """Return the date or datetime under `key`, or None."""
        text = self.optional_text(key)
        return None if text is None else self._date(key, text)

    def flag(self, key: str) -> bool:
        """Return the boolean under `key`, False if it is missing."""
        value = self.value.get(key, False)
        if isinstance(value, bool):
            return value
        text = str(value).lower() if isinstance(value, str | int) else ""
        if text not in (*_TRUE, *_FALSE):
            self.note(key, f"must be true or false, is {_shown(value)}")
        return text in _TRUE

    def number(self, key: str) -> float | None:
        """Return the positive number under `key`, or None."""
        value = self.value.get(key)
        if value is None:
            return None
        try:
            # Existing rows may have it as text.
            number = math.nan if isinstance(value, bool | dict | list) else float(value)
        except (ValueError, OverflowError):
            number = math.nan
        if not 0 < number < math.inf:
            self.note(key, f"must be a number above 0, is {_shown(value)}")
            return None
        return number

    def count(self, key: str) -> int:
        """Return the whole number under `key`, 0 if it is missing."""
        value = self.value.get(key)
        if value is None:
            return 0
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            self.note(key, f"must be a whole number, 0 or more, is {_shown(value)}")
            return 0
        return value

    def texts(self, key: str, *, may_be_empty: bool = False) -> tuple[str, ...]:
        """Return the list of texts under `key`; `may_be_empty` allows '' among them."""
        values = self.values(key)
        if not all(isinstance(each, str) and (each.strip() or may_be_empty) for each in values):
            self.note(key, "must be a list of texts" if may_be_empty else "must be a list of names")
            return ()
        return tuple(cast("list[str]", values))

    def names(self, key: str) -> tuple[str, ...] | None:
        """Return the names of a list or of a comma list, or None; '' and [] are no names."""
        value = self.value.get(key)
        if value is None:
            return None
        if isinstance(value, str):
            return comma_names(value)
        return tuple(dict.fromkeys(name.strip() for name in self.texts(key)))

    def options(self, key: str) -> Mapping[str, Option]:
        """Return the reader's or writer's options under `key`; none are left out."""
        if self.value.get(key) is None:
            return {}
        node = Node(self.value[key], self._name(key), self.problems)
        for name, value in node.value.items():
            if not isinstance(value, str | int | float):
                node.note(name, f"must be text, a number or a boolean, is {_kind(value)}")
        return node.value

    def _date(self, key: str, text: str) -> date | None:
        try:
            return parse_date(text)
        except ValueError:
            self.note(key, f"must be an ISO date such as 2024-05-15, is {text!r}")
            return None

    def _name(self, key: str) -> str:
        return f"{self.where}.{key}" if self.where else key


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "a boolean", type(None): "null"}
    return names.get(cast("type[Any]", type(value)), "a number")


def _shown(value: Any) -> str:
    """Return a value for a message, cut to a length."""
    return repr(value)[:100] if isinstance(value, str | int | float) else _kind(value)
