"""Tell by its first bytes how a file is packed, and unpack these."""

from __future__ import annotations

import bz2
import contextlib
import zlib
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

HEAD_BYTES = 65_536

_UNPACK = "unpack it, or deliver it as gzip, named .gz"


class Kind(NamedTuple):
    """A kind of file that is no text, by its first bytes, with what to do about it."""

    start: bytes
    name: str
    remedy: str


_KINDS = (
    Kind(b"\x1f\x8b\x08", "gzip", "name it .gz"),
    Kind(b"\x28\xb5\x2f\xfd", "Zstandard", _UNPACK),
    Kind(b"\xfd7zXZ\x00", "xz", _UNPACK),
    Kind(b"\x04\x22\x4d\x18", "LZ4", _UNPACK),
    Kind(b"\xff\x06\x00\x00sNaPpY", "Snappy", _UNPACK),
    Kind(b"\x1f\x9d", "compress (.Z)", _UNPACK),
    Kind(b"\x89LZO\x00\r\n\x1a\n", "lzop", _UNPACK),
    Kind(b"PK\x03\x04", "a zip archive", _UNPACK),
    Kind(b"PK\x05\x06", "an empty zip archive", _UNPACK),
    Kind(b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    Kind(b"Rar!\x1a\x07", "a rar archive", _UNPACK),
    Kind(b"Obj\x01", "Avro", "give the source the format avro"),
    Kind(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Excel workbook (.xls)", "deliver it as csv"),
    Kind(b"%PDF-", "a PDF", "deliver it as csv"),
)
_BZIP2 = Kind(b"BZh", "bzip2", "name it .bz2")
_PARQUET = Kind(b"PAR1", "Parquet", "give the source the format parquet")
_PARQUET_HEADER = 64
_ORC = Kind(b"ORC", "ORC", "give the source the format orc")
_WORKBOOK = Kind(
    b"PK", "an Excel workbook (.xlsx)", "deliver it as csv, or read it by format excel"
)
_TAR = Kind(b"", "a tar archive", _UNPACK)
_TAR_MARK = slice(257, 262)
_BZIP2_BLOCK = slice(4, 10)
_BZIP2_BLOCKS = (b"1AY&SY", b"\x17rE8P\x90")
# Hadoop's Snappy and LZ4 files begin with the length of a block, never of 64 MB or more.
_MOST_BLOCK = 4
CODEC_SUFFIXES = (".gz", ".bz2", ".deflate", ".zst", ".lz4", ".snappy")


def kind_of(data: bytes) -> Kind | None:
    """Return the kind of file that begins so, None if it may be text."""
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


def unpacked(location: str, data: bytes) -> bytes | None:
    """Return the first bytes of a file unpacked by its name; None if that needs Spark's codec."""
    suffix = codec_suffix(location)
    unpack = _UNPACKERS.get(suffix)
    if unpack is not None:
        return unpack(data)
    return None if suffix in CODEC_SUFFIXES else data


def packing_fault(location: str, data: bytes) -> str | None:
    """Return why the name of a text file does not fit how it is packed."""
    suffix, kind = codec_suffix(location), kind_of(data)
    if not data:
        # Cut down since it was listed.
        return None
    if suffix not in CODEC_SUFFIXES:
        if kind is None:
            return None
        hint = ", which its name does not say" if kind.remedy.startswith("name ") else ""
        return f"is {kind.name}{hint}: {kind.remedy}"
    is_packed = {
        ".gz": data.startswith(b"\x1f\x8b"),
        ".bz2": data.startswith(b"BZh"),
        ".deflate": data[0] & 0x0F == zlib.DEFLATED,
        ".zst": kind is not None and kind.name == "Zstandard",
    }.get(suffix, data[0] < _MOST_BLOCK)
    if is_packed:
        return None
    if kind and suffix in (".lz4", ".snappy"):
        return f"is {kind.name} in a form that Hadoop's codec of {suffix} can't read: {_UNPACK}"
    if kind:
        return f"is {kind.name}, which its name does not say: {kind.remedy}"
    return f"is named {suffix}, but is not packed so: name it without {suffix}"


def codec_suffix(location: str) -> str:
    """Return the suffix of a codec as Hadoop finds it: it tells capitals apart."""
    name = location.rpartition("/")[2]
    return next((suffix for suffix in CODEC_SUFFIXES if name.endswith(suffix)), "")


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
