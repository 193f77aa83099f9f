"""Redact secrets in texts, in each of the spellings that a log may use."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

MASK = "******"
# Shorter secrets occur in ordinary words and numbers: masking them would make logs unreadable.
SHORTEST = 4
# For the lines of one secret: those of a key file are longer, shorter ones are punctuation.
SHORTEST_LINE = 8


def secret_forms(values: Iterable[str]) -> tuple[str, ...]:
    """Return all spellings of the secrets, the longest first, as one may contain another.

    These are each secret as it is, as JSON, Python and URLs spell it, and each of its lines; a
    secret of fewer than SHORTEST characters has none.

    >>> secret_forms(["a b&c"])
    ('a%20b%26c', 'a+b%26c', 'a b&c')
    """
    forms = {form for value in values for form in _forms(value)}
    return tuple(sorted(forms, key=lambda form: (-len(form), form)))


def mask(text: str, forms: Iterable[str]) -> str:
    """Replace each form in a text by the mask, in the order of `secret_forms`."""
    for form in forms:
        text = text.replace(form, MASK)
    return text


def _forms(value: str) -> Iterator[str]:
    stripped = value.strip()
    if len(stripped) < SHORTEST:
        return
    lines = [line.strip() for line in stripped.splitlines()]
    for text in (value, stripped, *(line for line in lines if len(line) >= SHORTEST_LINE)):
        yield text
        yield from (quote(text, safe=""), quote_plus(text), repr(text)[1:-1])
        yield from (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1])
