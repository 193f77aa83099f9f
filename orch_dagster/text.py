"""Texts without the secrets in them, and cut to a length.

jobs/framework/secrets.py has the same rule for what a job logs by itself.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Container, Iterable, Iterator
from typing import Any, cast
from urllib.parse import quote, quote_plus

MASK = "******"
# Shorter texts are parts of ordinary words and numbers: a log without them could not be read.
SHORTEST = 4
# Lines of one secret; those of a key file are longer, and what is shorter is punctuation.
SHORTEST_LINE = 8


class Masker:
    """Replaces each secret that a text holds by `******`.

    A secret is known as it is, as JSON, Python and URLs spell it, and by each of its lines.

    Args:
        values: The secrets; those of fewer than SHORTEST characters stay.
    """

    def __init__(self, values: Iterable[str] = ()) -> None:
        forms = {form for value in values for form in _forms(value)}
        # The longest first: one secret may hold another.
        self._forms = sorted(forms, key=lambda form: (-len(form), form))
        self._in_bytes = [form.encode("utf-8", "replace") for form in self._forms]

    def __call__(self, text: str) -> str:
        """Return the text without secrets."""
        for form in self._forms:
            text = text.replace(form, MASK)
        return text

    def in_bytes(self, data: bytes) -> bytes:
        """Return bytes of UTF-8 without secrets; the others stay as they are."""
        for form in self._in_bytes:
            data = data.replace(form, MASK.encode())
        return data

    def all_of(self, value: Any, keep: Container[str] = ()) -> Any:
        """Return a value of JSON with its texts masked, but for keys and what is under `keep`."""
        if isinstance(value, str):
            return self(value)
        if isinstance(value, list):
            return [self.all_of(each, keep) for each in cast("list[Any]", value)]
        if isinstance(value, dict):
            items = cast("dict[str, Any]", value).items()
            return {name: each if name in keep else self.all_of(each, keep) for name, each in items}
        return value


def clip_utf8(text: str, limit: int = 500) -> str:
    """Make one line of at most `limit` whole characters that every store can keep as UTF-8.

    White space and control characters become single spaces, a lone surrogate becomes U+FFFD, and
    a text that is cut ends with an ellipsis.
    """
    clean = text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    visible = "".join(" " if unicodedata.category(c) == "Cc" else c for c in clean)
    line = " ".join(visible.split())
    if len(line) <= limit:
        return line
    kept = line[: max(limit - 1, 0)]
    # A mark that combines with the last character kept must not be cut off from it.
    while kept and unicodedata.combining(line[len(kept)]):
        kept = kept[:-1]
    return (kept.rstrip() + "…")[:limit]


def _forms(value: str) -> Iterator[str]:
    stripped = value.strip()
    if len(stripped) < SHORTEST:
        return
    lines = [line.strip() for line in stripped.splitlines()]
    for text in (value, stripped, *(line for line in lines if len(line) >= SHORTEST_LINE)):
        yield text
        yield from (quote(text, safe=""), quote_plus(text), repr(text)[1:-1])
        yield from (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1])
