"""A file that another process writes, followed to its end."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from orch_dagster.growing_file import follow
from tests.waiting import wait_until


class Followed:
    """A follower in a thread."""

    def __init__(self, path: Path) -> None:
        self.over = threading.Event()
        self.pieces: list[bytes] = []
        self._thread = threading.Thread(target=self._follow, args=(path,))
        self._thread.start()

    def _follow(self, path: Path) -> None:
        self.pieces.extend(follow(path, self.over.is_set))

    @property
    def text(self) -> str:
        return b"".join(self.pieces).decode()

    def end(self) -> str:
        self.over.set()
        self._thread.join(20)
        assert not self._thread.is_alive()
        return self.text


def test_what_there_was_and_what_comes_in_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "job.log"
    path.write_bytes(b"one\ntw")
    followed = Followed(path)
    wait_until(lambda: followed.text == "one\n", "the first line, without half of the second")
    with path.open("ab") as file:
        file.write(b"o\n")
        file.flush()
        wait_until(lambda: followed.text == "one\ntwo\n", "the second line")
        file.write(b"last")
    assert followed.end() == "one\ntwo\nlast"


def test_a_file_that_comes_later(tmp_path: Path) -> None:
    path = tmp_path / "job.log"
    followed = Followed(path)
    path.write_bytes(b"here\n")
    wait_until(lambda: followed.text == "here\n", "the line")
    assert followed.end() == "here\n"


def test_a_file_that_never_comes(tmp_path: Path) -> None:
    assert Followed(tmp_path / "job.log").end() == ""


def test_lines_longer_than_a_piece(tmp_path: Path) -> None:
    path = tmp_path / "job.log"
    long = "é" * 3_000_000
    path.write_bytes(f"{long}\nshort\n".encode() + b"\xff\n")
    pieces = list(follow(path, lambda: True))
    assert pieces[-1].endswith(b"short\n\xff\n")
    assert b"".join(pieces) == path.read_bytes()


def test_a_file_that_a_scanner_has_to_itself_is_read_after_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows refuses such an open; the reader ended, and the landing was unknown."""
    path = tmp_path / "messages.jsonl"
    path.write_bytes(b"landed\n")
    refusals = [32, 5]
    opened = Path.open

    def refusing(self: Path, *args: Any, **options: Any) -> Any:
        if self == path and refusals:
            error = PermissionError(13, "in use", str(self))
            # Only Windows' own errors have it.
            setattr(error, "winerror", refusals.pop())  # noqa: B010
            raise error
        return opened(self, *args, **options)

    monkeypatch.setattr(Path, "open", refusing)
    assert list(follow(path, lambda: True)) == [b"landed\n"]
