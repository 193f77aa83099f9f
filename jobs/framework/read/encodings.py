"""Tell by its first bytes whether a text is in the encoding that its source says."""

from __future__ import annotations

import codecs
import contextlib
import re
from collections.abc import Mapping

from framework.contract.formats import CSV, JSON, Format
from framework.read.likely_encodings import likely_encodings

UTF8_MARK = codecs.BOM_UTF8
# How Python's surrogateescape spells a byte that is not UTF-8.
_DAMAGE = re.compile("[\udc80-\udcff]")
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")
# UTF-32's come first, as UTF-16's are their beginning.
WIDE_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_WIDE = ("utf-16", "utf-32")
# What text in UTF-8 is most often taken for. In others its bytes may well be text.
_WESTERN = ("ascii", "iso8859-1", "iso8859-15", "cp1252")
# The share of zero bytes in UTF-16: half of a Latin text, few of others.
_LATIN_SHARE, _LEAST_SHARE = 0.25, 0.02


def encoding_fault(
    text: bytes, is_whole: bool, traits: Format, options: Mapping[str, str]
) -> str | None:
    """Return why Spark would read a text wrong, with the remedy, or None."""
    option = encoding_of(options) if traits in (CSV, JSON) else None
    declared = _codec(option or "UTF-8")
    if declared is None:
        return None
    actual, has_mark = wide_encoding(text)
    if actual:
        if _reads_wide(traits, options, declared if option else None, actual, has_mark):
            return None
        return f"is {_shown(actual)}: {_wide_remedy(traits, actual, has_mark)}"
    if declared.startswith(_WIDE):
        return f"is not {option}: leave out the option encoding, or name the file's own there"
    if declared == "utf-8":
        is_document = traits is JSON and is_on(options, "multiline")
        if option and is_document and text.startswith(UTF8_MARK):
            return "begins with a byte order mark, which hides its record: leave out encoding"
        return _utf8_fault(text, is_whole, traits, options)
    if _is_utf8(text, is_whole) and (
        declared in _WESTERN or not _decodes(text, is_whole, declared)
    ):
        return f"is UTF-8, the option encoding says {option}: leave it out"
    return None


def _decodes(text: bytes, is_whole: bool, encoding: str) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)().decode(text, final=is_whole)
    except UnicodeDecodeError:
        return False
    return True


def _utf8_fault(
    text: bytes, is_whole: bool, traits: Format, options: Mapping[str, str]
) -> str | None:
    """Return the fault of a file in another encoding; a few damaged characters are none."""
    damaged, characters = _utf8_counts(text, is_whole)
    if damaged <= characters:
        return None
    first = _DAMAGE.search(_decoded(text, is_whole))
    place = first.start() if first else 0
    is_lines = traits is JSON and not is_on(options, "multiline")
    needs_lines = ' and lineSep: "\\n"' if is_lines and not option_of(options, "linesep") else ""
    names = likely_encodings(text, is_whole=is_whole)
    remedy = (
        f"name its own in the option encoding (such as {names}){needs_lines}"
        if traits in (CSV, JSON)
        else "Spark reads text in no other encoding, so deliver it in UTF-8"
    )
    return f"is not UTF-8, from character {place + 1} on: {remedy}"


def _is_utf8(text: bytes, is_whole: bool) -> bool:
    damaged, characters = _utf8_counts(text, is_whole)
    return not damaged and (characters > 0 or text.startswith(UTF8_MARK))


def _utf8_counts(text: bytes, is_whole: bool) -> tuple[int, int]:
    """Return the number of bytes that are not UTF-8, and of characters beyond ASCII.

    Without damage, the latter is 1 for any number, as counting takes long.
    """
    if text.isascii():
        return 0, 0
    with contextlib.suppress(UnicodeDecodeError):
        codecs.getincrementaldecoder("utf-8")().decode(text, final=is_whole)
        return 0, 1
    decoded = _decoded(text.removeprefix(UTF8_MARK), is_whole)
    damaged = len(_DAMAGE.findall(decoded))
    return damaged, len(_BEYOND_ASCII.findall(decoded)) - damaged


def _decoded(text: bytes, is_whole: bool) -> str:
    # The last character of a head may be cut.
    return codecs.getincrementaldecoder("utf-8")("surrogateescape").decode(text, final=is_whole)


def wide_encoding(text: bytes) -> tuple[str | None, bool]:
    """Return UTF-16 or UTF-32 with its order if the text is that, and whether a mark says so."""
    for mark, name in WIDE_MARKS:
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
    has_lines = bool(option_of(options, "linesep")) and declared == actual
    if traits is CSV:
        return is_named if is_on(options, "multiline") else has_lines
    if traits is JSON and is_on(options, "multiline"):
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


def encoding_of(options: Mapping[str, str]) -> str | None:
    """Return the encoding that the options name, by either of Spark's names, or None."""
    return option_of(options, "encoding") or option_of(options, "charset")


def option_of(options: Mapping[str, str], name: str) -> str | None:
    """Return an option's value by its name in lower case, None if it is not given."""
    return next((value for key, value in options.items() if key.lower() == name), None)


def is_on(options: Mapping[str, str], name: str) -> bool:
    """Return whether an option, by its name in lower case, is given as true."""
    return (option_of(options, name) or "").strip().lower() == "true"


def _codec(name: str) -> str | None:
    try:
        return codecs.lookup(name).name
    except LookupError:
        # Java knows names that Python does not.
        return None
