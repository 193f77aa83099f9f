"""Guess the encodings that a text which is not UTF-8 may have, for a message."""

from __future__ import annotations

import codecs
import re

_KANA = re.compile("[\u3040-\u30ff]")
_IDEOGRAPHS = "[\u3000-\u30ff\u4e00-\u9fff\uff00-\uffee]"
# By the share of the characters beyond ASCII that have to be of the script. Chinese decodes as
# Korean too, but not to Hangul alone; Japanese is told by its kana.
_EASTERN = (
    ("EUC-KR", re.compile("[\uac00-\ud7a3]"), 0.95, 0.0),
    ("Shift_JIS", re.compile(_IDEOGRAPHS), 0.95, 0.05),
    ("EUC-JP", re.compile(_IDEOGRAPHS), 0.95, 0.05),
    ("GB18030", re.compile(_IDEOGRAPHS), 0.9, 0.0),
    ("Big5", re.compile(_IDEOGRAPHS), 0.9, 0.0),
)
_MOST_NAMES = 2
# Latin text has its letters beyond ASCII among others.
_RUN = re.compile(rb"[\x80-\xff]{3,}")
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]")
_CONTROLS = re.compile(rb"[\x80-\x9f]")


def likely_encodings(text: bytes, *, is_whole: bool) -> str:
    """Return names of encodings, as Java has them, that a text may be in.

    >>> likely_encodings("1,张伟\\n2,王芳\\n".encode("gb18030"), is_whole=True)
    'GB18030 or Big5'
    >>> likely_encodings("1,Zoë\\n".encode("latin-1"), is_whole=True)
    'ISO-8859-1 or windows-1252'

    Args:
        text: The first bytes.
        is_whole: Whether there are no more; else the last character may be cut.
    """
    eastern = _eastern(text, is_whole=is_whole)
    if eastern:
        return " or ".join(eastern[:_MOST_NAMES])
    in_runs = sum(map(len, _RUN.findall(text)))
    if in_runs > len(_BEYOND_ASCII.findall(text)) / 2:
        return "windows-1250, windows-1251 or windows-1253, by its language"
    return "windows-1252" if _CONTROLS.search(text) else "ISO-8859-1 or windows-1252"


def _eastern(text: bytes, *, is_whole: bool) -> list[str]:
    found: list[str] = []
    for name, script, least, least_kana in _EASTERN:
        try:
            decoded = codecs.getincrementaldecoder(name)().decode(text, final=is_whole)
        except UnicodeDecodeError:
            continue
        beyond = [character for character in decoded if not character.isascii()]
        share = sum(map(bool, map(script.match, beyond)))
        kana = sum(map(bool, map(_KANA.match, beyond)))
        if share >= least * len(beyond) and kana >= least_kana * len(beyond):
            found.append(name)
    return found
