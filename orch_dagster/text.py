"""Redact secrets in texts, cut texts to a length, and keep what others wrote from acting.

Sizes and durations for people are here too, so that the commands and Dagit write them alike.

The framework masks what a job logs, and shows it, by the same rules of the contract.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Iterable
from typing import Any, cast

from framework.contract.masking import MASK, mask, secret_forms
from framework.contract.visible import visible

# Any other scheme, javascript: above all, may run something in the page.
_LINK = re.compile(r"(https?://|/(?!/))\S*", re.IGNORECASE)

# What each line of a log begins with may equal a secret, and has to stay: no time has seven digits
# on end.
_OF_LOG_LINES = re.compile(rb"(?!\d{7,}$)[-0-9:.TZ]+|\*+")


class Masker:
    """A mask that replaces each secret in a text by `******`.

    Args:
        values: The secrets; `secret_forms` leaves very short ones out.
    """

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._forms = secret_forms(values)
        self.longest = max(
            (len(form.encode("utf-8", "replace")) for form in self._forms), default=0
        )
        self._in_bytes = [form.encode("utf-8", "replace") for form in self._forms]

    def __call__(self, text: str) -> str:
        """Return the text without secrets."""
        return mask(text, self._forms)

    def in_bytes(self, data: bytes) -> bytes:
        """Return bytes of UTF-8 without secrets; invalid bytes stay as they are."""
        for form in self._in_bytes:
            data = data.replace(form, MASK.encode())
        return data

    def places_in(self, data: bytes) -> list[tuple[int, int]]:
        """Return start and end of each secret in bytes of UTF-8, where the mask is another."""
        return [
            (match.start(), match.end())
            for form in self._in_bytes
            if form in data and not _OF_LOG_LINES.fullmatch(form)
            for match in re.finditer(re.escape(form), data)
        ]

    def all_of(self, value: Any, keep: Container[str] = ()) -> Any:
        """Return a JSON value with its texts masked, except keys and the values under `keep`."""
        if isinstance(value, str):
            return self(value)
        if isinstance(value, list):
            return [self.all_of(each, keep) for each in cast("list[Any]", value)]
        if isinstance(value, dict):
            items = cast("dict[str, Any]", value).items()
            return {name: each if name in keep else self.all_of(each, keep) for name, each in items}
        return value


def clip_utf8(text: str, limit: int = 500) -> str:
    """Cut a text to one line of at most `limit` whole characters that every store can keep.

    White space and control characters become single spaces, a lone surrogate becomes U+FFFD, what
    turns the direction of text is spelled out, and a text that is cut ends with an ellipsis.
    """
    clean = text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    plain = "".join(" " if unicodedata.category(c) == "Cc" else c for c in clean)
    line = visible(" ".join(plain.split()))
    if len(line) <= limit:
        return line
    kept = line[: max(limit - 1, 0)]
    # A combining mark must not be cut off from its character.
    while kept and unicodedata.combining(line[len(kept)]):
        kept = kept[:-1]
    return (kept.rstrip() + "…")[:limit]


def readable_size(size_bytes: int) -> str:
    """Return a size for people.

    >>> readable_size(999), readable_size(1_234_567)
    ('999 B', '1.2 MB')
    """
    size, units = float(size_bytes), ["B", "kB", "MB", "GB", "TB"]
    while size >= 999.5 and len(units) > 1:
        size, units = size / 1000, units[1:]
    return f"{size:.0f} {units[0]}" if units[0] == "B" or size >= 99.5 else f"{size:.1f} {units[0]}"


def readable_duration(seconds: float) -> str:
    """Return a duration for people.

    >>> readable_duration(4.25), readable_duration(75), readable_duration(3725)
    ('4.2 s', '1 min 15 s', '1 h 02 min')
    """
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"


def is_link(url: str) -> bool:
    """Return whether a page may link a URL that a job reported: http, https, or a page of Dagit."""
    return _LINK.fullmatch(url) is not None and visible(url) == url


def inert_markdown(text: str) -> str:
    """Return a Markdown text whose images and HTML are shown as they are written.

    Dagit drops scripts and unsafe links by itself, and would still load the images.

    >>> print(inert_markdown("![x](http://h/p.png) <b> 1 < *2*"))
    &#33;[x](http://h/p.png) &lt;b> 1 < *2*
    """
    shown = visible(text, keep="\t\n")
    # References, as a backslash could itself be escaped by the one before it.
    return re.sub(r"<(?=[A-Za-z/!?])", "&lt;", shown.replace("![", "&#33;["))
