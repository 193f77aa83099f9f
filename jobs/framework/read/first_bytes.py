"""Tell by the first bytes of a file whether Spark can read it as its source says.

Spark reads whatever it gets as text: an archive, a workbook or another encoding lands as garbage,
or as no rows at all.
"""

from __future__ import annotations

import bz2
import codecs
import contextlib
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol

from framework.contract.formats import AVRO, CSV, JSON, ORC, PARQUET, Format, format_of

HEAD_BYTES = 65_536

_UTF8_MARK = codecs.BOM_UTF8
# How Python's surrogateescape spells a byte that is not UTF-8.
_DAMAGE = re.compile("[\udc80-\udcff]")
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")
# UTF-32's come first, as UTF-16's are their beginning.
_WIDE_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_WIDE = ("utf-16", "utf-32")
# What text in UTF-8 is most often taken for. In others its bytes may well be text.
_WESTERN = ("ascii", "iso8859-1", "iso8859-15", "cp1252")
_UNPACK = "unpack it, or deliver it as gzip, named .gz"
_COLUMN_FORMATS: Mapping[str, tuple[bytes, ...]] = {
    PARQUET.name: (b"PAR1", b"PARE"),
    ORC.name: (b"ORC",),
    AVRO.name: (b"Obj\x01",),
}


class _Kind(NamedTuple):
    start: bytes
    name: str
    remedy: str


_KINDS = (
    _Kind(b"\x1f\x8b\x08", "gzip", "name it .gz"),
    _Kind(b"\x28\xb5\x2f\xfd", "Zstandard", _UNPACK),
    _Kind(b"\xfd7zXZ\x00", "xz", _UNPACK),
    _Kind(b"\x04\x22\x4d\x18", "LZ4", _UNPACK),
    _Kind(b"\xff\x06\x00\x00sNaPpY", "Snappy", _UNPACK),
    _Kind(b"\x1f\x9d", "compress (.Z)", _UNPACK),
    _Kind(b"\x89LZO\x00\r\n\x1a\n", "lzop", _UNPACK),
    _Kind(b"PK\x03\x04", "a zip archive", _UNPACK),
    _Kind(b"PK\x05\x06", "an empty zip archive", _UNPACK),
    _Kind(b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    _Kind(b"Rar!\x1a\x07", "a rar archive", _UNPACK),
    _Kind(b"Obj\x01", "Avro", "give the source the format avro"),
    _Kind(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Excel workbook (.xls)", "deliver it as csv"),
    _Kind(b"%PDF-", "a PDF", "deliver it as csv"),
)
_BZIP2 = _Kind(b"BZh", "bzip2", "name it .bz2")
_PARQUET = _Kind(b"PAR1", "Parquet", "give the source the format parquet")
_PARQUET_HEADER = 64
_ORC = _Kind(b"ORC", "ORC", "give the source the format orc")
_WORKBOOK = _Kind(
    b"PK", "an Excel workbook (.xlsx)", "deliver it as csv, or read it by format excel"
)
_TAR = _Kind(b"", "a tar archive", _UNPACK)
_TAR_MARK = slice(257, 262)
_BZIP2_BLOCK = slice(4, 10)
_BZIP2_BLOCKS = (b"1AY&SY", b"\x17rE8P\x90")
# Hadoop's Snappy and LZ4 files begin with the length of a block, never of 64 MB or more.
_MOST_BLOCK = 4
# The share of zero bytes in UTF-16: half of a Latin text, few of others.
_LATIN_SHARE, _LEAST_SHARE = 0.25, 0.02
CODEC_SUFFIXES = (".gz", ".bz2", ".deflate", ".zst", ".lz4", ".snappy")


@dataclass(frozen=True)
class Head:
    """The first bytes of a file of `size_bytes`, at `location`."""

    location: str
    size_bytes: int
    data: bytes

    @cached_property
    def text(self) -> bytes | None:
        """Return the first bytes unpacked by the suffix; None if that needs Spark's codec."""
        unpack = _UNPACKERS.get(_suffix(self.location))
        if unpack is not None:
            return unpack(self.data)
        return None if _suffix(self.location) in CODEC_SUFFIXES else self.data

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
    return not text.removeprefix(_UTF8_MARK).strip() or text in [mark for mark, _ in _WIDE_MARKS]


def has_header_only(head: Head, form: str, options: Mapping[str, str]) -> bool:
    """Return whether a CSV file has a header and no record."""
    text = head.whole_text
    if text is None or format_of(form) is not CSV or not _flag(options, "header"):
        return False
    return len([line for line in text.splitlines() if line.strip()]) == 1


def lands_nulls_only(head: Head, form: str, options: Mapping[str, str]) -> str | None:
    """Return what a JSON file has instead of records that Spark reads as a row of nulls."""
    text = head.whole_text
    if text is None or format_of(form) is not JSON:
        return None
    words = set(text.removeprefix(_UTF8_MARK).split())
    if words == {b"{}"}:
        return "{}, a record without fields"
    if not words and text.startswith(_UTF8_MARK) and _flag(options, "multiline"):
        return "a byte order mark"
    return None


def damage(head: Head, form: str) -> str | None:
    """Return what is damaged in the first bytes of a text file that can be read, or None."""
    text = head.text
    if not text or not format_of(form).is_text or _wide_encoding(text)[0]:
        return None
    counts = {
        "NUL": text.count(0),
        "U+FFFD (the sign for a character that was lost)": text.count("\ufffd".encode()),
    }
    found = [f"{count} times {name}" for name, count in counts.items() if count]
    return " and ".join(found) or None


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
        kind = _kind(head.data)
        what = f"it is {kind.name}: {kind.remedy}" if kind else "deliver it again"
        return f"is not {traits.name}: {what}"
    if not traits.is_text:
        return None
    fault = _packing_fault(head)
    text = head.text
    if fault or not text:
        return fault
    kind = _kind(text)
    if kind and text is not head.data:
        return f"holds {kind.name}, packed: unpack it"
    return _encoding_fault(text, head.whole_text is not None, traits, options)


def _packing_fault(head: Head) -> str | None:
    """Return why the name of a text file does not fit how it is packed."""
    suffix, kind = _suffix(head.location), _kind(head.data)
    if suffix not in CODEC_SUFFIXES:
        if kind is None:
            return None
        hint = ", which its name does not say" if kind.remedy.startswith("name ") else ""
        return f"is {kind.name}{hint}: {kind.remedy}"
    is_packed = {
        ".gz": head.data.startswith(b"\x1f\x8b"),
        ".bz2": head.data.startswith(b"BZh"),
        ".deflate": head.data[0] & 0x0F == zlib.DEFLATED,
        ".zst": kind is not None and kind.name == "Zstandard",
    }.get(suffix, head.data[0] < _MOST_BLOCK)
    if is_packed:
        return None
    if kind and suffix in (".lz4", ".snappy"):
        return f"is {kind.name} in a form that Hadoop's codec of {suffix} can't read: {_UNPACK}"
    if kind:
        return f"is {kind.name}, which its name does not say: {kind.remedy}"
    return f"is named {suffix}, but is not packed so: name it without {suffix}"


def _encoding_fault(
    text: bytes, is_whole: bool, traits: Format, options: Mapping[str, str]
) -> str | None:
    option = None
    if traits in (CSV, JSON):
        option = _option(options, "encoding") or _option(options, "charset")
    declared = _codec(option or "UTF-8")
    if declared is None:
        return None
    actual, has_mark = _wide_encoding(text)
    if actual:
        if _reads_wide(traits, options, declared if option else None, actual, has_mark):
            return None
        return f"is {_shown(actual)}: {_wide_remedy(traits, actual, has_mark)}"
    if declared.startswith(_WIDE):
        return f"is not {option}: leave out the option encoding, or name the file's own there"
    if declared == "utf-8":
        is_document = traits is JSON and _flag(options, "multiline")
        if option and is_document and text.startswith(_UTF8_MARK):
            return "begins with a byte order mark, which hides its record: leave out encoding"
        return _utf8_fault(text, is_whole, traits)
    if declared in _WESTERN and _is_utf8(text, is_whole):
        return f"is UTF-8, the option encoding says {option}: leave it out"
    return None


def _utf8_fault(text: bytes, is_whole: bool, traits: Format) -> str | None:
    """Return the fault of a file in another encoding; a few damaged characters are none."""
    damaged, characters = _utf8_counts(text, is_whole)
    if damaged <= characters:
        return None
    first = _DAMAGE.search(_decoded(text, is_whole))
    place = first.start() if first else 0
    is_windows = any(0x80 <= byte < 0xA0 for byte in text)
    names = "windows-1252" if is_windows else "ISO-8859-1 or windows-1252"
    remedy = (
        f"name its own in the option encoding (such as {names})"
        if traits in (CSV, JSON)
        else "Spark reads text in no other encoding, so deliver it in UTF-8"
    )
    return f"is not UTF-8, from character {place + 1} on: {remedy}"


def _is_utf8(text: bytes, is_whole: bool) -> bool:
    damaged, characters = _utf8_counts(text, is_whole)
    return not damaged and (characters > 0 or text.startswith(_UTF8_MARK))


def _utf8_counts(text: bytes, is_whole: bool) -> tuple[int, int]:
    """Return the number of bytes that are not UTF-8, and of characters beyond ASCII.

    Without damage, the latter is 1 for any number, as counting takes long.
    """
    if text.isascii():
        return 0, 0
    with contextlib.suppress(UnicodeDecodeError):
        codecs.getincrementaldecoder("utf-8")().decode(text, final=is_whole)
        return 0, 1
    decoded = _decoded(text.removeprefix(_UTF8_MARK), is_whole)
    damaged = len(_DAMAGE.findall(decoded))
    return damaged, len(_BEYOND_ASCII.findall(decoded)) - damaged


def _decoded(text: bytes, is_whole: bool) -> str:
    # The last character of a head may be cut.
    return codecs.getincrementaldecoder("utf-8")("surrogateescape").decode(text, final=is_whole)


def _wide_encoding(text: bytes) -> tuple[str | None, bool]:
    """Return UTF-16 or UTF-32 with its order if the text is that, and whether a mark says so."""
    for mark, name in _WIDE_MARKS:
        if text.startswith(mark):
            return name, True
    if 0 not in text:
        return None, False
    at = [text[place::4].count(0) for place in range(4)]
    quarter = len(text) / 4
    if at[0] < quarter / 10 and min(at[1:]) > quarter / 2:
        return "utf-32-le", False
    if at[3] < quarter / 10 and min(at[:3]) > quarter / 2:
        return "utf-32-be", False
    even, odd = at[0] + at[2], at[1] + at[3]
    if min(even, odd) >= max(even, odd) / 10:
        return None, False
    name, end_of_line = ("utf-16-le", b"\n\0") if odd > even else ("utf-16-be", b"\0\n")
    # Digits, separators and ends of lines have a zero byte in any script.
    share = (even + odd) / len(text)
    is_wide = share > _LATIN_SHARE or (share > _LEAST_SHARE and end_of_line in text)
    return (name if is_wide else None), False


def _reads_wide(
    traits: Format, options: Mapping[str, str], declared: str | None, actual: str, has_mark: bool
) -> bool:
    """Return whether Spark reads UTF-16 or UTF-32 right with these options."""
    width, _, order = actual.rpartition("-")
    # Without a mark Java takes the big end first.
    is_named = declared == actual or (declared == width and (has_mark or order == "be"))
    has_lines = bool(_option(options, "linesep")) and declared == actual
    if traits is CSV:
        return is_named if _flag(options, "multiline") else has_lines
    if traits is JSON and _flag(options, "multiline"):
        return declared is None or (declared == width and is_named) or (is_named and not has_mark)
    return traits is JSON and has_lines and not has_mark


def _wide_remedy(traits: Format, actual: str, has_mark: bool) -> str:
    name = _shown(actual.rpartition("-")[0] if has_mark else actual)
    if traits is CSV:
        return f"give the source the options encoding: {name} and multiLine: true"
    if traits is JSON and has_mark:
        return (
            f"deliver it in UTF-8; one document, not lines, is read by encoding: {name} and "
            "multiLine: true"
        )
    if traits is JSON:
        return f'give the source the options encoding: {name} and lineSep: "\\n"'
    return "Spark reads text in no other encoding, so deliver it in UTF-8"


def _shown(encoding: str) -> str:
    """Return a name as Java spells it.

    >>> _shown("utf-16-le"), _shown("utf-16")
    ('UTF-16LE', 'UTF-16')
    """
    return encoding.upper().replace("-LE", "LE").replace("-BE", "BE")


def _kind(data: bytes) -> _Kind | None:
    if data.startswith(b"PK\x03\x04") and (b"[Content_Types].xml" in data or b"xl/" in data):
        return _WORKBOOK
    if data.startswith(_BZIP2.start) and data[_BZIP2_BLOCK] in _BZIP2_BLOCKS:
        return _BZIP2
    # Text may begin with these letters.
    if data.startswith(_ORC.start) and data[3:4] < b"\t":
        return _ORC
    if data.startswith(_PARQUET.start) and min(data[4:_PARQUET_HEADER], default=9) < ord("\t"):
        return _PARQUET
    if data[_TAR_MARK] == b"ustar":
        return _TAR
    return next((kind for kind in _KINDS if data.startswith(kind.start)), None)


def _unzipped(wbits: int) -> Callable[[bytes], bytes | None]:
    return lambda data: _unpacked(data, lambda: zlib.decompressobj(wbits))


def _unbzipped(data: bytes) -> bytes | None:
    return _unpacked(data, bz2.BZ2Decompressor)


def _unpacked(data: bytes, member: Callable[[], _Member]) -> bytes | None:
    """Unpack the first bytes of a file, which may hold several packed ones, end to end."""
    text = b""
    # Damage is for Spark's codec to tell.
    with contextlib.suppress(zlib.error, OSError):
        while data and len(text) < HEAD_BYTES:
            each = member()
            text += each.decompress(data, HEAD_BYTES - len(text))
            data = each.unused_data
        return text
    return text or None


class _Member(Protocol):
    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


_GZIP_WBITS = 31
_UNPACKERS: Mapping[str, Callable[[bytes], bytes | None]] = {
    ".gz": _unzipped(_GZIP_WBITS),
    ".deflate": _unzipped(zlib.MAX_WBITS),
    ".bz2": _unbzipped,
}


def _suffix(location: str) -> str:
    """Return the suffix of a codec as Hadoop finds it: it tells capitals apart."""
    name = location.rpartition("/")[2]
    return next((suffix for suffix in CODEC_SUFFIXES if name.endswith(suffix)), "")


def _codec(name: str) -> str | None:
    try:
        return codecs.lookup(name).name
    except LookupError:
        # Java knows names that Python does not.
        return None


def _option(options: Mapping[str, str], name: str) -> str | None:
    return next((value for key, value in options.items() if key.lower() == name), None)


def _flag(options: Mapping[str, str], name: str) -> bool:
    return (_option(options, name) or "").strip().lower() == "true"
