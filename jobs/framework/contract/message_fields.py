"""Read the typed fields of a message, and collect all faults of one in another form."""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, TypeVar, cast

T = TypeVar("T")


class MessageError(ValueError):
    """A message has a form that can't be read; `problems` holds all of its faults."""

    def __init__(self, kind: str, problems: Sequence[str]) -> None:
        self.kind = kind
        self.problems = tuple(problems)
        super().__init__(
            f"the job reported its {kind} in a form that can't be read "
            f"({'; '.join(self.problems)}): use the framework that belongs to this version"
        )


@dataclass(frozen=True)
class Fields:
    """The fields of a JSON object; a faulty field is noted and reads as a default.

    Attributes:
        value: The object.
        where: Its place in the message, '' for the message itself.
        problems: The faults so far, shared by all objects of a message.
    """

    value: Mapping[str, Any]
    where: str = ""
    problems: list[str] = field(default_factory=list[str])

    @classmethod
    @contextmanager
    def of_message(cls, kind: str, payload: Mapping[str, Any]) -> Generator[Fields]:
        """Yield the fields of a message, and refuse it after the block if one has a fault.

        Raises:
            MessageError: If fields are missing or have another form; names them all.
        """
        fields = cls(payload)
        if payload.get("kind") != kind:
            fields.note("kind", f"is {payload.get('kind')!r}, not {kind!r}")
        yield fields
        if fields.problems:
            raise MessageError(kind, fields.problems)

    def note(self, key: str, problem: str) -> None:
        """Note the fault of a field."""
        self.problems.append(f"{self.where}{key} {problem}")

    def text(self, key: str) -> str:
        """Return a text, which may be empty."""
        return self._required(key, str, "a text", "")

    def optional_text(self, key: str) -> str | None:
        """Return a text, None if it is missing or null."""
        return self._optional(key, str, "a text")

    def flag(self, key: str) -> bool:
        """Return true or false."""
        return self._required(key, bool, "true or false", False)

    def count(self, key: str) -> int:
        """Return a whole number of 0 or more."""
        number = self._required(key, int, "a whole number", 0)
        return self._not_negative(key, number)

    def optional_count(self, key: str) -> int | None:
        """Return a whole number of 0 or more, None if it is missing or null."""
        number = self._optional(key, int, "a whole number")
        return None if number is None else self._not_negative(key, number)

    def date(self, key: str) -> str:
        """Return an ISO date, as text."""
        text = self.text(key)
        try:
            if text:
                return date.fromisoformat(text).isoformat()
        except ValueError:
            pass
        if key in self.value:
            self.note(key, f"is not an ISO date: {text!r}")
        return text

    def time(self, key: str) -> str:
        """Return an ISO time with a time zone, as text."""
        text = self.text(key)
        if key in self.value and _time_of(text) is None:
            self.note(key, f"is not an ISO time with a time zone: {text!r}")
        return text

    def seconds(self, key: str, *, since: str) -> float:
        """Return a duration that can be added to the time of the field `since`."""
        value = self.value.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float):
            self._note_kind(key, "a number of seconds")
            return 0.0
        started = _time_of(str(self.value.get(since)))
        try:
            if not math.isfinite(value) or value < 0:
                raise ValueError
            if started:
                _ = started + timedelta(seconds=value)
        except (ValueError, OverflowError):
            self.note(key, f"is not a duration: {value!r}")
            return 0.0
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts, empty if it is missing or null."""
        values = self._list(key, missing_is_empty=True)
        if not all(isinstance(each, str) for each in values):
            self.note(key, "is not a list of texts")
            return ()
        return tuple(cast("list[str]", values))

    def mapping(self, key: str) -> Mapping[str, Any]:
        """Return an object as it is."""
        return self._required(key, dict, "an object", dict[str, Any]())

    def optional_object(self, key: str) -> Fields | None:
        """Return an object's fields, None if it is missing or null."""
        value = self._optional(key, dict, "an object")
        return None if value is None else Fields(value, f"{self.where}{key}.", self.problems)

    def objects(self, key: str, *, missing_is_empty: bool = False) -> list[Fields]:
        """Return the fields of each object of a list."""
        objects: list[Fields] = []
        for place, each in enumerate(self._list(key, missing_is_empty=missing_is_empty)):
            if isinstance(each, dict):
                value = cast("dict[str, Any]", each)
                objects.append(Fields(value, f"{self.where}{key}[{place}].", self.problems))
            else:
                self.note(f"{key}[{place}]", "is not an object")
        return objects

    def _list(self, key: str, *, missing_is_empty: bool) -> list[Any]:
        if missing_is_empty and self.value.get(key) is None:
            return []
        return self._required(key, list, "a list", list[Any]())

    def _required(self, key: str, kind: type[T], named: str, default: T) -> T:
        value = self.value.get(key)
        if _is_a(value, kind):
            return cast("T", value)
        self._note_kind(key, named)
        return default

    def _optional(self, key: str, kind: type[T], named: str) -> T | None:
        value = self.value.get(key)
        if value is None or _is_a(value, kind):
            return value
        self._note_kind(key, named)
        return None

    def _note_kind(self, key: str, named: str) -> None:
        self.note(key, f"is not {named}" if key in self.value else "is missing")

    def _not_negative(self, key: str, number: int) -> int:
        if number < 0:
            self.note(key, f"is below 0: {number}")
        return number


def _is_a(value: Any, kind: type) -> bool:
    # In Python a bool is an int.
    return isinstance(value, kind) and isinstance(value, bool) == (kind is bool)


def _time_of(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else None
