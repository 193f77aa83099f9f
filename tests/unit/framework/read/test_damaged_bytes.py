"""Bytes of text files that land as NUL or U+FFFD."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest

from framework.params import Source
from framework.plan import PlannedSource
from framework.read import damaged_bytes
from framework.read.damaged_bytes import damaged_files, first_damage, head_damage, search_limits
from framework.storage.filesystem import FileEntry
from framework.storage.local import LocalFileSystem

LOST = "holds U+FFFD (a character that was lost, or bytes of another encoding)"


@pytest.mark.parametrize(
    ("content", "encoding", "found"),
    [
        ("id\n1,größe\n顧客\n".encode(), "UTF-8", None),
        (b"", "UTF-8", None),
        (b"id\n1,Zo\xeb\n", "UTF-8", f"line 2 {LOST}"),
        (b"id\n1,Zo\xeb\n", "windows-1252", None),
        (b"id\n1,Zo\x81\n", "windows-1252", f"line 2 {LOST}"),
        ("id\n\n3,\ufffd\n".encode(), "UTF-8", f"line 3 {LOST}"),
        (b"a\0", "UTF-8", "line 1 holds NUL"),
        (b"a\0b\n\xe9", "UTF-8", "line 1 holds NUL"),
        ("id\nö\n".encode("utf-16"), "UTF-16", None),
        ("id\nö\n".encode("utf-16-be"), "UTF-16", None),
        ("id\nö\0\n".encode("utf-32-be"), "UTF-32", "line 2 holds NUL"),
        ("id\nö\0\n".encode("utf-16-le"), "UTF-16LE", "line 2 holds NUL"),
        ("顧客\n".encode("cp932") + b"\x81", "MS932", f"line 2 {LOST}"),
        # A character that the end of the file cuts.
        ("1\nö".encode()[:-1], "UTF-8", f"line 2 {LOST}"),
        (b"\xed\xa0\x80", "UTF-8", f"line 1 {LOST}"),
    ],
)
@pytest.mark.parametrize("chunk_bytes", [1, 3, 1 << 20])
def test_the_first_one_is_found_with_its_line(
    content: bytes,
    encoding: str,
    found: str | None,
    chunk_bytes: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(damaged_bytes, "_CHUNK_BYTES", chunk_bytes)
    assert first_damage(io.BytesIO(content), encoding) == found


def planned(folder: Path, form: str, **options: str) -> PlannedSource:
    return PlannedSource(Source(form, "in", options=options), folder.as_posix(), "row1")


def test_each_damaged_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Each trace lies across several chunks.
    monkeypatch.setattr(damaged_bytes, "_CHUNK_BYTES", 4)
    folder = tmp_path / "a"
    folder.mkdir()
    (folder / "good.json").write_bytes(b'{"name": "Ann"}\n')
    (folder / "zero.json").write_bytes(b'{"name": "Ann"}\n{"name": "B\\u0000b"}\n')
    (folder / "lost.json.gz").write_bytes(gzip.compress(b'{"name": "long B\\uFFFDb"}\n'))
    (folder / "cut.json.gz").write_bytes(gzip.compress(b"\0" * 999)[:9])
    (folder / "other.json.bz2").write_bytes(b"BZh\0")
    (folder / "_hidden.json").write_bytes(b"\0")
    fs = LocalFileSystem()
    assert sorted(damaged_files(fs, [planned(folder, "json")])) == [
        f"row1: {folder.as_posix()}/lost.json.gz, line 1 holds the escape \\uFFFD",
        f"row1: {folder.as_posix()}/zero.json, line 2 holds the escape \\u0000",
    ]
    # An escape is nothing in csv; what Python has no codec for, or is no text, is passed over.
    assert list(damaged_files(fs, [planned(folder, "csv")])) == []
    (folder / "zero.json").write_bytes(b"\0")
    assert list(damaged_files(fs, [planned(folder, "csv", encoding="x-MacThai")])) == []
    assert list(damaged_files(fs, [planned(folder, "parquet")])) == []


@pytest.mark.parametrize(
    ("text", "is_whole", "found"),
    [
        (b"id\n1,Zo\xeb\n", True, f"line 2 {LOST}"),
        (b"a\0", False, "line 1 holds NUL"),
        ("id\n1,ö".encode()[:-1], False, None),
        ("id\n1,ö".encode()[:-1], True, f"line 2 {LOST}"),
        (b"", True, None),
        (None, False, None),
    ],
)
def test_a_head_is_searched_as_a_whole_file_is(
    text: bytes | None, is_whole: bool, found: str | None
) -> None:
    assert head_damage(text, "csv", "UTF-8", is_whole=is_whole) == found
    assert head_damage(text, "orc", "UTF-8", is_whole=is_whole) is None
    assert head_damage(text, "csv", "x-MacThai", is_whole=is_whole) is None


def test_what_is_searched_in_part_is_told() -> None:
    files = [FileEntry(f"/in/a.csv{suffix}", 1) for suffix in ("", ".gz")]
    packed = [*files, FileEntry("/in/b.csv.bz2", 1)]

    def limits(form: str, location: str, files: list[FileEntry], **options: str) -> str | None:
        return search_limits(PlannedSource(Source(form, "in", options), location, "row1"), files)

    assert limits("csv", "/in", files) is None
    assert limits("csv", "/in", packed) == "row1: files but those in .bz2"
    assert limits("csv", "hdfs://nn/in", files) == (
        "row1: the first 64 KB of each file, as they lie elsewhere"
    )
    assert limits("csv", "/in", files, encoding="x-MacThai") == (
        "row1: nothing, as Python does not have x-MacThai"
    )
    assert limits("orc", "hdfs://nn/in", files) is None
    assert limits("csv", "hdfs://nn/in", []) is None
