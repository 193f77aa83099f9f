"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from orch_dagster.files import write_atomically


def test_the_text_in_utf_8_with_its_own_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "made" / "on the way" / "é.json"
    write_atomically(path, "a\né😀\r\n")

    assert path.read_bytes() == "a\né😀\r\n".encode()
    assert os.listdir(path.parent) == [path.name]  # noqa: PTH208


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
def test_only_the_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("old")
    path.chmod(0o644)
    write_atomically(path, "new")

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_write_that_fails_leaves_the_old_text_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "x"
    write_atomically(path, "old")

    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "new \ud800")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["x"]  # noqa: PTH208


def test_readers_see_one_of_the_texts_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "x"
    texts = {letter * 100_000 for letter in "abc"}
    write_atomically(path, "a" * 100_000)
    over = threading.Event()
    seen: list[str] = []

    def read() -> None:
        while not over.is_set():
            seen.append(path.read_text())

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for _ in range(30):
            for text in texts:
                write_atomically(path, text)
    finally:
        over.set()
        reader.join()
    assert seen
    assert set(seen) <= texts
