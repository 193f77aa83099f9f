"""Texts that are cut; test_masking.py has those that are masked."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orch_dagster.text import clip_utf8


@given(st.text(), st.integers(1, 60))
def test_clip_is_one_short_line_that_every_store_keeps(text: str, limit: int) -> None:
    clipped = clip_utf8(text, limit)
    assert len(clipped) <= limit
    assert clipped.encode("utf-8").decode("utf-8") == clipped
    assert not set("\r\n\t\x00") & set(clipped)
    assert clip_utf8(clipped, limit) == clipped


def test_clip_examples() -> None:
    assert clip_utf8("a\n  b\tc\x00") == "a b c"
    assert clip_utf8("x" * 501) == "x" * 499 + "…"
    assert clip_utf8("保険" * 250) == "保険" * 250
    assert clip_utf8("bad \ud83d half").encode("utf-8").startswith(b"bad ")
    assert "\ufffd" in clip_utf8("bad \ud83d half")
    assert clip_utf8("abe\u0301d", 4) == "ab…"
