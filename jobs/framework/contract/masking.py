"""Redact secrets in texts, in each of the spellings that a log may use."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus, unquote

from framework.contract.secret_names import passwords_in

MASK = "******"
# Shorter secrets occur in ordinary words and numbers: masking them would make logs unreadable.
SHORTEST = 4
# For the lines of one secret: those of a key file are longer, shorter ones are punctuation.
SHORTEST_LINE = 8
# A shorter piece of base64 occurs in ordinary words.
SHORTEST_BASE64 = 6

_CODE = re.compile("%[0-9A-F]{2}")
_URL_SAFE = str.maketrans("+/", "-_")


def secret_forms(values: Iterable[str]) -> tuple[str, ...]:
    """Return all spellings of the secrets, the longest first, as one may contain another.

    These are each secret as it is, as JSON, Python, URLs, HTML and base64 spell it, each of its
    lines and each password within it; a secret of fewer than SHORTEST characters has none.

    >>> secret_forms(["k&é1"])
    ('k%26%C3%A91', 'k%26%c3%a91', 'k&\\\\u00e91', 'k&amp;é1', 'aybDqT', 'rJsOpM', 'smw6kx', 'k&é1')
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
    wholes = {value, stripped}
    for password in passwords_in(stripped):
        wholes |= {each for each in (password, unquote(password)) if len(each) >= SHORTEST}
    for text in wholes:
        yield from _html_forms(text)
        yield from _base64_forms(text.encode("utf-8", "replace"))
    # Of the many lines of a key file only what a log or a URL makes of them, as each form costs.
    lines = {line.strip() for line in stripped.splitlines()}
    for text in wholes | {line for line in lines if len(line) >= SHORTEST_LINE}:
        yield text
        yield from (repr(text)[1:-1], json.dumps(text)[1:-1])
        yield json.dumps(text, ensure_ascii=False)[1:-1]
        for quoted in (quote(text, safe=""), quote(text), quote_plus(text)):
            yield from (quoted, _CODE.sub(lambda code: code[0].lower(), quoted))


def _html_forms(text: str) -> Iterator[str]:
    escaped = html.escape(text)
    yield from (escaped, escaped.replace("&#x27;", "&#39;").replace("&quot;", "&#34;"))
    yield html.escape(text, quote=False)


def _base64_forms(data: bytes) -> Iterator[str]:
    """Yield what base64 makes of the bytes wherever they stand within others."""
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + data).decode()
        # The first and the last characters hold bits of what is beside the bytes too.
        kept = encoded[(before * 8 + 5) // 6 : (before + len(data)) * 8 // 6]
        if len(kept) >= SHORTEST_BASE64:
            yield from (kept, kept.translate(_URL_SAFE))
