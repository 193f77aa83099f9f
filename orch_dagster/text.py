"""Texts without the secrets in them, and cut to a length.

The framework masks by the same rule of the contract what a job logs by itself.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Container, Iterable
from typing import Any, cast

from framework.contract.masking import MASK, mask, secret_forms


class Masker:
    """Replaces each secret that a text holds by `******`.

    Args:
        values: The secrets; very short ones stay, see `secret_forms`.
    """

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._forms = secret_forms(values)
        self._in_bytes = [form.encode("utf-8", "replace") for form in self._forms]

    def __call__(self, text: str) -> str:
        """Return the text without secrets."""
        return mask(text, self._forms)

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
