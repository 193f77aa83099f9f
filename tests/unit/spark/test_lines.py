from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orch_dagster.spark.lines import LineSplitter, Tail
from orch_dagster.text import Masker


def split(chunks: list[bytes], max_bytes: int = 64) -> list[str]:
    splitter = LineSplitter(max_bytes)
    return [line for chunk in chunks for line in splitter.feed(chunk)] + list(splitter.flush())


@given(st.lists(st.text(max_size=40), max_size=8), st.integers(1, 9))
def test_any_cut_of_the_stream_gives_the_same_lines(texts: list[str], size: int) -> None:
    lines = [t.replace("\n", "").replace("\r", "").encode("utf-8", "replace") for t in texts]
    stream = b"".join(line + b"\n" for line in lines)
    chunks = [stream[i : i + size] for i in range(0, len(stream), size)]
    assert split(chunks, 1000) == [line.decode() for line in lines]


@given(st.text(alphabet="aé€😀", max_size=200), st.integers(4, 16))
def test_pieces_of_a_long_line_are_bounded_whole_characters(text: str, max_bytes: int) -> None:
    pieces = split([text.encode()], max_bytes)
    assert "".join(pieces) == text
    assert all(len(piece.encode()) <= max_bytes for piece in pieces)


def test_line_endings_of_both_systems_and_bytes_that_are_no_utf8() -> None:
    assert split([b"a\r", b"\nb\n\nc\xff"]) == ["a", "b", "", "c�"]


def test_bytes_that_never_start_a_character_are_cut_all_the_same() -> None:
    assert "".join(split([b"\x80" * 100], 10)) == "�" * 100


def test_tail_is_bounded_in_lines_and_bytes() -> None:
    tail = Tail(3, 10)
    for line in ("one", "two", "three", "four"):
        tail.add(line)
    assert tail.text() == "four"
    few = Tail(2, 1000)
    for line in ("one", "two", "three"):
        few.add(line)
    assert few.text() == "two\nthree"


SECRET = b"s3cret-of-many-letters"


@given(st.integers(0, 200), st.integers(1, 60), st.booleans())
def test_what_is_masked_is_found_across_every_cut(before: int, size: int, is_whole: bool) -> None:
    splitter = LineSplitter(64, lambda data: data.replace(SECRET, b"***"))
    stream = b"x" * before + SECRET + b"y" * 100 + SECRET + (b"\n" if is_whole else b"")
    chunks = [stream[i : i + size] for i in range(0, len(stream), size)]
    pieces = [line for chunk in chunks for line in splitter.feed(chunk)] + [*splitter.flush()]
    assert "".join(pieces) == "x" * before + "***" + "y" * 100 + "***"
    assert all(len(piece) <= 64 for piece in pieces)


def test_a_line_without_an_end_is_not_kept_whole() -> None:
    splitter = LineSplitter(64, lambda data: data.replace(b"x" * 10, b""))
    assert [*splitter.feed(b"y" * 300)] == ["y" * 64] * 3
    assert [*splitter.feed(b"x" * 200)] == []
    assert [*splitter.flush()] == ["y" * 64, "y" * 44]


def test_a_secret_among_many_lines_is_masked_alone() -> None:
    lines = [f"line {number}" for number in range(1_000)]
    lines[500] = "with hunter2 in it"
    splitter = LineSplitter(mask=Masker(["hunter2", "line 7\nline 8"]).in_bytes)
    found = list(splitter.feed("".join(f"{line}\n" for line in lines).encode()))
    # Lines of one secret that are shorter than a line's limit are masked together only.
    assert found == [*lines[:500], "with ****** in it", *lines[501:]]
