"""Which characters are spelled out, and which are what words are written with."""

from __future__ import annotations

import pytest

from framework.contract.visible import visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J\x1b]0;title\x07", r"\x1b[2J\x1b]0;title\x07"),
        ("\x9b31m", r"\x9b31m"),
        ("a\nb\r\nc\td", r"a\nb\r\nc\td"),
        ("a\x0bb\x0cc\x85d\u2028e\u2029f", r"a\x0bb\x0cc\x85d\u2028e\u2029f"),
        ("gnp.\u202eslx", r"gnp.\u202eslx"),
        ("\u2066a\u2069\u200f\u061c", r"\u2066a\u2069\u200f\u061c"),
        ("a\u200bb\ufeffc\xadd", r"a\u200bb\ufeffc\xadd"),
        ("a\U000e0041", r"a\U000e0041"),
        ("a\udcffb", r"a\udcffb"),
        ("\x00\x08\x7f", r"\x00\x08\x7f"),
    ],
)
def test_what_acts_is_spelled_out(text: str, shown: str) -> None:
    assert visible(text) == shown
    assert visible(shown) == shown


@pytest.mark.parametrize(
    "text", ["", "plain :x: [red]", r"C:\new", "é漢🙂", "می\u200cخواهم", "👩\u200d💻", "עברית"]
)
def test_words_of_any_language_stay(text: str) -> None:
    assert visible(text) == text


def test_what_is_kept_stays() -> None:
    assert visible("a\tb\nc\x1b", keep="\t\n") == "a\tb\nc\\x1b"
