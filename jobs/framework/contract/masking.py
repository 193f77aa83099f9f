"""How secrets are taken out of texts: which spellings of one are looked for, and what is put."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

MASK = "******"
# Shorter texts are parts of ordinary words and numbers: a log without them could not be read.
SHORTEST = 4
# Lines of one secret; those of a key file are longer, and what is shorter is punctuation.
SHORTEST_LINE = 8


def secret_forms(values: Iterable[str]) -> tuple[str, ...]:
    """Return the texts that show one of the secrets, the longest first, as one may hold another.

    A secret is known as it is, as JSON, Python and URLs spell it, and by each of its lines; one
    of fewer than SHORTEST characters is not looked for.

    >>> secret_forms(["a b&c"])
    ('a%20b%26c', 'a+b%26c', 'a b&c')
    """
    found = {form for value in values for form in _forms(value)}
    return tuple(sorted(found, key=lambda form: (-len(form), form)))


def mask(text: str, forms: Iterable[str]) -> str:
    """Return a text with the mask in place of each form, in the order of `secret_forms`."""
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
