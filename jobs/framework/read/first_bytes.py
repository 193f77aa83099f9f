"""Tell by the first bytes of a file whether Spark can read it as its source says.

Spark reads whatever it gets as text: an archive, a workbook or another encoding lands as garbage,
or as no rows at all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from framework.contract.formats import AVRO, CSV, JSON, ORC, PARQUET, format_of
from framework.read.encodings import UTF8_MARK, WIDE_MARKS, encoding_fault, is_on, wide_encoding
from framework.read.packing import HEAD_BYTES, kind_of, packing_fault, unpacked

_COLUMN_FORMATS: Mapping[str, tuple[bytes, ...]] = {
    PARQUET.name: (b"PAR1", b"PARE"),
    ORC.name: (b"ORC",),
    AVRO.name: (b"Obj\x01",),
}

# JSON without white space between its parts.
_NO_RECORDS = re.compile(rb"(?:\[\])+")
_NULL_RECORDS = re.compile(rb"[\[\],]*(?:(\{\}|null)[\[\],]*)+")


@dataclass(frozen=True)
class Head:
    """The first bytes of a file of `size_bytes`, at `location`."""

    location: str
    size_bytes: int
    data: bytes

    @cached_property
    def text(self) -> bytes | None:
        """Return the first bytes unpacked by the suffix; None if that needs Spark's codec."""
        return unpacked(self.location, self.data)

    @property
    def whole_text(self) -> bytes | None:
        """Return the whole content if it is small and known."""
        text = self.text
        is_whole = self.size_bytes <= len(self.data) and text is not None
        return text if is_whole and len(text or b"") < HEAD_BYTES else None


def is_blank(head: Head) -> bool:
    """Return whether a file has no content: no bytes, a byte order mark or white space only."""
    text = head.whole_text
    if head.size_bytes == 0:
        return True
    if text is None:
        return False
    return not text.removeprefix(UTF8_MARK).strip() or text in [mark for mark, _ in WIDE_MARKS]


def has_header_only(head: Head, form: str, options: Mapping[str, str]) -> bool:
    """Return whether a CSV file has a header and no record."""
    text = head.whole_text
    if text is None or is_blank(head) or format_of(form) is not CSV or not is_on(options, "header"):
        return False
    return len([line for line in text.splitlines() if line.strip()]) == 1


def has_no_records(head: Head, form: str) -> bool:
    """Return whether a file has no content, or is JSON of nothing but `[]`."""
    text = head.whole_text
    is_list = text is not None and format_of(form) is JSON and _NO_RECORDS.fullmatch(_packed(text))
    return is_blank(head) or bool(is_list)


def lands_nulls_only(head: Head, form: str, options: Mapping[str, str]) -> str | None:
    """Return what a JSON file has instead of records that Spark reads as rows of nulls."""
    text = head.whole_text
    if text is None or format_of(form) is not JSON:
        return None
    packed = _packed(text)
    if found := _NULL_RECORDS.fullmatch(packed):
        return f"{found[1].decode()}, a record without fields"
    if not packed and text.startswith(UTF8_MARK) and is_on(options, "multiline"):
        return "a byte order mark"
    return None


def _packed(text: bytes) -> bytes:
    return b"".join(text.removeprefix(UTF8_MARK).split())


def content_fault(head: Head, form: str, options: Mapping[str, str]) -> str | None:
    """Return why Spark would not read a file as its source says, with the remedy, or None.

    >>> content_fault(Head("/in/a.csv", 9, bytes([31, 139, 8, 0])), "csv", {})
    'is gzip, which its name does not say: name it .gz'
    """
    traits = format_of(form)
    if is_blank(head):
        return None
    starts = _COLUMN_FORMATS.get(traits.name)
    if starts:
        if head.data.startswith(starts):
            return None
        kind = kind_of(head.data)
        what = f"it is {kind.name}: {kind.remedy}" if kind else "deliver it again"
        return f"is not {traits.name}: {what}"
    if not traits.is_text:
        return None
    fault = packing_fault(head.location, head.data)
    text = head.text
    if fault or not text:
        return fault
    kind = kind_of(text)
    if kind and text is not head.data:
        return f"holds {kind.name}, packed: unpack it"
    fault = encoding_fault(text, head.whole_text is not None, traits, options)
    if fault is None and traits is JSON and is_on(options, "multiline"):
        return _documents_fault(text)
    return fault


def _documents_fault(text: bytes) -> str | None:
    """Return the fault of a text that goes on after its first JSON document, or None.

    A document that does not end in the first bytes, or is JSON for Spark only, has none.
    """
    wide, _ = wide_encoding(text)
    characters = text.decode(wide or "utf-8", errors="replace").removeprefix("\ufeff").lstrip()
    try:
        _, end = json.JSONDecoder(parse_int=str).raw_decode(characters)
    except (ValueError, RecursionError):
        return None
    if not characters[end:].strip():
        return None
    remedy = "deliver them as one array"
    if not wide:
        remedy = (
            f"{remedy}, or each in a line of its own, and leave out the option"
            if "\n" in characters[:end]
            else "leave out the option, so that each line is a record"
        )
    return f"holds several documents, of which Spark reads the first only by multiLine: {remedy}"
