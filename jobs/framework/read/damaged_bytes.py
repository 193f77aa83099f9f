"""Find in whole text files what lands as NUL or U+FFFD, the traces of a wrong encoding.

Only files that Python opens are searched, so that it costs little beside Spark's own reading.
"""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import IO, Any

from framework.contract.formats import JSON, format_of
from framework.contract.paths import is_local
from framework.errors import SourceGoneError
from framework.logging import get_logger
from framework.plan import PlannedSource
from framework.read.encodings import WIDE_MARKS, encoding_of
from framework.read.file_listing import list_files
from framework.read.packing import HEAD_BYTES, codec_suffix
from framework.storage.filesystem import FileEntry, FileSystem

# Small enough for a processor's cache, in which decoding is several times as fast.
_CHUNK_BYTES = 1 << 16
_MARK_BYTES = 4
_LOST = "U+FFFD (a character that was lost, or bytes of another encoding)"
_TRACES = {"\0": "NUL", "\ufffd": _LOST}
_JSON_TRACES = {
    trace: f"the escape {trace}" for trace in ("\\u0000", "\\ufffd", "\\uFFFD", "\\uFffd")
}
_LONGEST = max(map(len, (*_TRACES, *_JSON_TRACES)))
_OPENERS: Mapping[str, Callable[[str, str], Any]] = {"": open, ".gz": gzip.open}


def damaged_files(fs: FileSystem, sources: Sequence[PlannedSource]) -> Iterator[str]:
    """Yield for each damaged file of local sources in csv, json or text its place and the damage.

    Files elsewhere, and those in other packings than gzip, are passed over.

    Raises:
        OSError: If a file can't be read.
        SourceGoneError: If a file disappeared.
    """
    for planned in sources:
        form = format_of(planned.source.format)
        if form.is_table or not form.is_text or not is_local(planned.location):
            continue
        encoding = encoding_of(planned.source.options) or "UTF-8"
        if not is_known(encoding):
            continue
        traces = _TRACES | (_JSON_TRACES if form is JSON else {})
        for file in list_files(fs, planned.location, planned.source.options).read:
            opener = _OPENERS.get(codec_suffix(file.location))
            if opener is None:
                continue
            try:
                with opener(file.location, "rb") as stream:
                    found = first_damage(stream, encoding, traces)
            except FileNotFoundError as error:
                raise SourceGoneError(file.location) from error
            if found:
                yield f"{planned.view}: {file.location}, {found}"


def search_limits(planned: PlannedSource, files: Sequence[FileEntry]) -> str | None:
    """Return what of a source's files is searched, None if it is all of them or they are no text.

    Args:
        planned: The source.
        files: Its files.
    """
    form = format_of(planned.source.format)
    if form.is_table or not form.is_text or not files:
        return None
    encoding = encoding_of(planned.source.options) or "UTF-8"
    if not is_known(encoding):
        return f"{planned.view}: nothing, as Python does not have {encoding}"
    if not is_local(planned.location):
        return (
            f"{planned.view}: the first {HEAD_BYTES >> 10} KB of each file, as they lie elsewhere"
        )
    packed = {codec_suffix(file.location) for file in files} - {*_OPENERS}
    return f"{planned.view}: files but those in {', '.join(sorted(packed))}" if packed else None


def head_damage(text: bytes | None, form: str, encoding: str, *, is_whole: bool) -> str | None:
    """Return the first damage in the first bytes of a text file, None if there is none.

    Args:
        text: The bytes, unpacked; None if that needs Spark's codec.
        form: The source's format.
        encoding: The source's encoding.
        is_whole: Whether the file has no more; else its last character may be cut.
    """
    if not text or not format_of(form).is_text or not is_known(encoding):
        return None
    return first_damage(io.BytesIO(text), encoding, is_whole=is_whole)


def first_damage(
    stream: IO[bytes],
    encoding: str,
    traces: Mapping[str, str] = _TRACES,
    *,
    is_whole: bool = True,
) -> str | None:
    r"""Return the first of `traces` in a text, with its line; None if there is none.

    >>> import io
    >>> first_damage(io.BytesIO(b"id,name\n1,Zo\xeb\n"), "UTF-8")
    'line 2 holds U+FFFD (a character that was lost, or bytes of another encoding)'
    """
    try:
        if codecs.lookup(encoding).name == "utf-8" and _is_clean(stream, traces, is_whole=is_whole):
            return None
        stream.seek(0)
        place = _first(_texts(stream, encoding, is_whole=is_whole), traces)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        # Spark's codec tells.
        get_logger("framework.sources").debug("%s", error)
        return None
    if place is None:
        return None
    at, trace = place
    stream.seek(0)
    lines = 1
    for text in _texts(stream, encoding, is_whole=is_whole):
        lines += text.count("\n", 0, max(at, 0))
        at -= len(text)
        if at <= 0:
            break
    return f"line {lines} holds {traces[trace]}"


def _is_clean(stream: IO[bytes], traces: Iterable[str], *, is_whole: bool) -> bool:
    """Return whether a text is UTF-8 and has none of `traces`, by its bytes alone.

    Takes a third of the time of a search in the decoded text; nearly all files are clean.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    # A single byte is found much faster than several, and is rare.
    needles = [(each[0], each) for each in (trace.encode() for trace in traces)]
    most = max(len(needle) for _, needle in needles)
    end = b""
    try:
        while chunk := stream.read(_CHUNK_BYTES):
            decoder.decode(chunk)
            window = end + chunk
            if any(first in window and needle in window for first, needle in needles):
                return False
            # A trace may lie across two chunks.
            end = window[1 - most :]
        decoder.decode(b"", final=is_whole)
    except UnicodeDecodeError:
        return False
    return True


def _first(texts: Iterable[str], traces: Iterable[str]) -> tuple[int, str] | None:
    """Return where the first trace is, in characters from the start, and which it is."""
    end, known = "", 0
    for text in texts:
        window = end + text
        found = [(at, trace) for trace in traces if (at := window.find(trace)) >= 0]
        if found:
            at, trace = min(found)
            return known - len(end) + at, trace
        known += len(text)
        # A trace may lie across two chunks.
        end = window[1 - _LONGEST :]
    return None


def _texts(stream: IO[bytes], encoding: str, *, is_whole: bool) -> Iterator[str]:
    """Yield a text in chunks, with U+FFFD for what is not of the encoding, as Java reads it."""
    name, mark = codecs.lookup(encoding).name, stream.read(_MARK_BYTES)
    stream.seek(0)
    if name in ("utf-16", "utf-32") and not mark.startswith(tuple(each for each, _ in WIDE_MARKS)):
        # Java takes the big end first.
        name += "-be"
    decoder = codecs.getincrementaldecoder(name)("replace")
    while chunk := stream.read(_CHUNK_BYTES):
        yield decoder.decode(chunk)
    yield decoder.decode(b"", final=is_whole)


def is_known(encoding: str) -> bool:
    """Return whether Python decodes an encoding; Java knows others."""
    try:
        b"a".decode(encoding, "replace")
    except (LookupError, ValueError):
        return False
    return True
