"""The folders that a path with placeholders stands for, and whether those of two paths meet. Pure.

A folder's text holds a sign for each character that a date decides. Equal signs are the same
character on each date, so equal texts are the same folder on each date.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from itertools import product
from math import prod
from operator import itemgetter
from typing import NamedTuple

from typing_extensions import override

from framework.contract.business_dates import FIRST_DATE, LAST_DATE, WINDOW
from framework.contract.context_params import BIZ_DT
from framework.contract.paths import IGNORES_CASE, is_local

DIGIT, ANY = "\ud800", "\ud801"
"""The kinds of signs in place of them: a digit, and any character but a slash."""

_ISO = "%Y-%m-%d"
_DIRECTIVE = re.compile(r"%(.)", re.DOTALL)
# Of one width on all dates. Others depend on the locale or the platform, or vary.
_WIDTHS = {"Y": 4, "m": 2, "d": 2, "j": 3, "y": 2, "G": 4, "V": 2, "U": 2, "W": 2, "u": 1, "w": 1}
_WRITTEN_OUT = {"F": _ISO, "H": "00", "M": "00", "S": "00"}
_SHAPED = re.compile(r"[^/.]")

_Keys = frozenset[str]

_FIRST_SIGN, _MOST_SIGNS = 0x10_0000, 0xFF00
# The folders of one path with several fields whose widths vary, such as names of months.
_MOST_SHAPES = 100


class _Field(NamedTuple):
    """A character that a date decides: one place in the text of a form of strftime.

    `shape` is given if the form's text has several: of what width, and where its slashes and dots.
    """

    variable: str
    form: str
    shape: str | None
    place: int


class DatedFolders:
    """The signs of many paths, which have to share them to be compared.

    Args:
        ignores_case: Whether local names count as equal if they differ by case; those that are
            compared are then in the spelling of `as_compared`.
    """

    def __init__(self, *, ignores_case: bool = IGNORES_CASE) -> None:
        self._ignores_case = ignores_case
        self._signs: dict[_Field, str] = {}
        self._fields: dict[str, _Field] = {}
        self._kinds: dict[int, str] = {}
        self._texts: dict[tuple[str, str], tuple[str, ...]] = {}
        # The forms of several shapes that one path has, and the shape to fill in of each.
        self._varied: dict[tuple[str, str], int] = {}
        self._chosen: dict[tuple[str, str], int] = {}
        names = (BIZ_DT, *WINDOW)
        self._stand_ins = {name: _StandIn.of(name, self._text) for name in names}

    def of(
        self, fill: Callable[[Mapping[str, date | None]], Iterable[tuple[str, str, str]]]
    ) -> Iterator[tuple[str, str, str]]:
        """Yield what `fill` yields for stand-ins of dates, whose locations have signs.

        Forms of several shapes, such as names of months, give a location for each.

        Args:
            fill: Yields a place, a path and its location with the placeholders filled.
        """
        self._varied.clear()
        self._chosen = {}
        filled = list(fill(self._stand_ins))
        if 1 < prod(self._varied.values()) <= _MOST_SHAPES:
            varied = tuple(self._varied)
            choices = [range(self._varied[each]) for each in varied]
            filled.clear()
            for choice in product(*choices):
                self._chosen = dict(zip(varied, choice, strict=True))
                filled += fill(self._stand_ins)
        yield from dict.fromkeys(filled)

    def kinds(self, text: str) -> str:
        """Return a text with the kinds of its signs in place of them."""
        return text.translate(self._kinds)

    def has_window(self, text: str) -> bool:
        """Return whether a date's window decides about a text."""
        return any(self._fields[sign].variable in WINDOW for sign in text if sign in self._fields)

    def meet(self, one: str, other: str) -> str | None:
        """Return a folder that two texts of one length are on any two dates, None if there is none.

        biz_dt, start_dt and end_dt of either are any dates.
        """
        left, right = self._columns(one), self._columns(other)
        links = [
            _Link(a, b, shared)
            for a in left
            for b in right
            if (a.is_dated or b.is_dated) and (shared := sorted({*a.places} & {*b.places}))
        ]
        if any(not link.common for link in links):
            return None
        if len(links) == 1:
            shared = dict(zip(links[0].positions, min(links[0].common), strict=True))
            return "".join(shared.get(at, character) for at, character in enumerate(one))
        characters = list(one)
        for each in left:
            if not _reduce(links):
                return None
            row = min(each.rows)
            each.rows, each.is_whole = {row}, False
            for position, place in each.places.items():
                characters[position] = row[place]
        return "".join(characters) if _reduce(links) else None

    def _columns(self, text: str) -> list[_Columns]:
        """Return the parts of a text by what decides them: nothing, biz_dt, start_dt or end_dt."""
        places: dict[str | None, dict[int, _Field]] = {}
        literal: dict[int, str] = {}
        for position, character in enumerate(text):
            field = self._fields.get(character)
            if field is None:
                literal[position] = character
            else:
                places.setdefault(field.variable, {})[position] = field
        is_folded = self._ignores_case and is_local(text)
        columns = [_Columns({p: n for n, p in enumerate(literal)}, {"".join(literal.values())}, ())]
        for fields in places.values():
            forms = tuple(dict.fromkeys((each.form, each.shape) for each in fields.values()))
            starts = _starts(forms)
            columns.append(
                _Columns(
                    {p: starts[each.form] + each.place for p, each in fields.items()},
                    _rows(forms, is_folded=is_folded),
                    forms,
                    is_folded,
                )
            )
        return columns

    def _text(self, variable: str, form: str) -> str:
        """Return the text of a date in the shape that is chosen; note that there are several."""
        key = (variable, form)
        if key not in self._texts:
            self._texts[key] = tuple(self._signed(variable, form))
        texts = self._texts[key]
        if len(texts) > 1:
            self._varied[key] = len(texts)
        return texts[self._chosen.get(key, 0)]

    def _signed(self, variable: str, form: str) -> Iterator[str]:
        """Yield the texts of a form of strftime, one for each shape that it has."""
        form = _DIRECTIVE.sub(lambda found: _WRITTEN_OUT.get(found[1], found[0]), form)
        parts = _DIRECTIVE.split(form)
        if all(name in _WIDTHS or name == "%" for name in parts[1::2]):
            texts = [
                text
                for literal, name in zip(parts[::2], [*parts[1::2], ""], strict=True)
                for text in (
                    literal,
                    "%"
                    if name == "%"
                    else self._sign(variable, f"%{name}", None, DIGIT * _WIDTHS.get(name, 0)),
                )
            ]
            yield "".join(texts)
            return
        for shape in _shapes(form):
            yield self._sign(variable, form, shape, shape)

    def _sign(self, variable: str, form: str, shape: str | None, kinds: str) -> str:
        characters: list[str] = []
        for place, kind in enumerate(kinds):
            if kind not in (DIGIT, ANY):
                characters.append(kind)
                continue
            field = _Field(variable, form, shape, place)
            if field not in self._signs:
                if len(self._signs) >= _MOST_SIGNS:
                    # Nobody has forms in such a number, so these are compared on one date.
                    return FIRST_DATE.strftime(form)
                sign = chr(_FIRST_SIGN + len(self._signs))
                self._signs[field], self._fields[sign] = sign, field
                self._kinds[ord(sign)] = kind
            characters.append(self._signs[field])
        return "".join(characters)


def head_of(kinds: str) -> str:
    """Return the folders of a text, with kinds of signs, that no date decides.

    >>> head_of(f"/data/out/t_{DIGIT}{DIGIT}/x")
    '/data/out'
    """
    ends = (at for kind in (DIGIT, ANY) if (at := kinds.find(kind)) >= 0)
    return kinds[: min(ends, default=len(kinds))].rpartition("/")[0]


class _StandIn(date):
    """A date whose text has signs."""

    name: str
    text: Callable[[str, str], str]

    @classmethod
    def of(cls, name: str, text: Callable[[str, str], str]) -> _StandIn:
        made = cls(FIRST_DATE.year, FIRST_DATE.month, FIRST_DATE.day)
        made.name, made.text = name, text
        return made

    @override
    def __format__(self, form: str) -> str:
        return self.text(self.name, form or _ISO)

    @override
    def isoformat(self) -> str:
        return self.text(self.name, _ISO)

    @override
    def __str__(self) -> str:
        return self.isoformat()


@dataclass
class _Columns:
    """The characters of a text that one date decides, or none.

    `places` has the place in a row by the position in the text, `rows` has a row for each date.
    """

    places: Mapping[int, int]
    rows: set[str] | frozenset[str]
    forms: tuple[tuple[str, str | None], ...]
    is_folded: bool = False
    is_whole: bool = True

    @property
    def is_dated(self) -> bool:
        return bool(self.forms)

    def keys(self, positions: Sequence[int]) -> _Keys:
        """Return the characters of all rows at some positions."""
        places = tuple(self.places[position] for position in positions)
        if self.is_dated and self.is_whole:
            return _keys_of_all(self.forms, places, is_folded=self.is_folded)
        return _picked(self.rows, places)

    def reduce(self, keys: _Keys, positions: Sequence[int]) -> bool:
        """Drop the rows with other characters at these positions; return whether there were any."""
        places = tuple(self.places[position] for position in positions)
        kept = {row for row in self.rows if next(iter(_picked((row,), places))) in keys}
        if len(kept) == len(self.rows):
            return False
        self.rows, self.is_whole = kept, False
        return True


class _Link(NamedTuple):
    """A part of each of two texts at the same positions."""

    one: _Columns
    other: _Columns
    positions: Sequence[int]

    @property
    def common(self) -> _Keys:
        """Return the characters that both can have there."""
        return self.one.keys(self.positions) & self.other.keys(self.positions)


def _reduce(links: Sequence[_Link]) -> bool:
    """Drop the rows that have no partner; return whether each part has some left."""
    is_reduced = False
    while not is_reduced:
        is_reduced = True
        for link in links:
            common = link.common
            for each in (link.one, link.other):
                if each.reduce(common, link.positions):
                    is_reduced = False
                if not each.rows:
                    return False
    return True


def _starts(forms: Sequence[tuple[str, str | None]]) -> dict[str, int]:
    """Return where the text of each form starts in a row."""
    starts: dict[str, int] = {}
    width = 0
    for form, shape in forms:
        starts[form] = width
        width += len(shape) if shape is not None else _WIDTHS[form[1:]]
    return starts


@lru_cache(maxsize=64)
def _rows(forms: tuple[tuple[str, str | None], ...], *, is_folded: bool) -> frozenset[str]:
    """Return the texts of some forms on all dates that have these shapes, joined.

    Args:
        forms: The forms, each with its shape.
        is_folded: Whether the texts are in lower case, as those that they are compared with.
    """
    days = zip(*(_values(form) for form, _ in forms), strict=True)
    shaped = [(place, shape) for place, (_, shape) in enumerate(forms) if shape is not None]
    rows = frozenset(
        "".join(day)
        for day in days
        if all(_SHAPED.sub(ANY, day[place]) == shape for place, shape in shaped)
    )
    # Each sign in its place: some letters are two in lower case.
    return frozenset(map(str.lower, rows)) if is_folded and shaped else rows


@lru_cache(maxsize=64)
def _keys_of_all(
    forms: tuple[tuple[str, str | None], ...], places: tuple[int, ...], *, is_folded: bool
) -> _Keys:
    return _picked(_rows(forms, is_folded=is_folded), places)


def _picked(rows: Iterable[str], places: tuple[int, ...]) -> _Keys:
    """Return the characters of rows at some places."""
    first, last = places[0], places[-1] + 1
    if places == tuple(range(first, last)):
        return frozenset(row[first:last] for row in rows)
    return frozenset("".join(picked) for picked in map(itemgetter(*places), rows))


@lru_cache(maxsize=64)
def _values(form: str) -> tuple[str, ...]:
    """Return the text of a form on each business date."""
    count = (LAST_DATE - FIRST_DATE).days + 1
    return tuple((FIRST_DATE + timedelta(number)).strftime(form) for number in range(count))


@lru_cache(maxsize=1_000)
def _shapes(form: str) -> tuple[str, ...]:
    return tuple(sorted({_SHAPED.sub(ANY, value) for value in set(_values(form))}))
