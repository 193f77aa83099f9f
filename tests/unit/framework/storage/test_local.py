"""What the local file system does when a write fails and another landing comes between."""

from __future__ import annotations

import errno
import os
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from framework.contract.held_files import HeldOpenError, Patience
from framework.storage import file_heads, local
from framework.storage.disk import Disk
from framework.storage.local import LocalFileSystem


def failing_sync(monkeypatch: pytest.MonkeyPatch, before: Callable[[], None]) -> None:
    def fsync(_: int) -> None:
        before()
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", fsync)


def test_a_file_that_cannot_be_created_whole_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "journal.json"
    failing_sync(monkeypatch, lambda: None)
    with pytest.raises(OSError, match="no space left"):
        LocalFileSystem().create_exclusive(file.as_posix(), b"mine")
    assert not file.exists()


def test_a_file_of_another_in_its_place_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, other = tmp_path / "journal.json", tmp_path / "other"
    other.write_bytes(b"another landing's")
    failing_sync(monkeypatch, lambda: os.replace(other, file))  # noqa: PTH105
    with pytest.raises(OSError, match="no space left"):
        LocalFileSystem().create_exclusive(file.as_posix(), b"mine")
    assert file.read_bytes() == b"another landing's"


def test_two_writers_of_a_file_never_mix(tmp_path: Path) -> None:
    file = tmp_path / "journal.json"
    contents = [letter * 100_000 for letter in (b"a", b"b", b"c")]
    file.write_bytes(contents[0])
    gate = threading.Barrier(3)
    seen: set[bytes] = set()

    def write(content: bytes) -> None:
        gate.wait()
        for _ in range(20):
            LocalFileSystem().write_atomic(file.as_posix(), content)
            # Windows opens no file that is being replaced.
            with suppress(PermissionError):
                seen.add(file.read_bytes())

    threads = [threading.Thread(target=write, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen <= set(contents)
    assert [path.name for path in tmp_path.iterdir()] == ["journal.json"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no flush of a folder to fail")
def test_a_folder_that_cannot_be_flushed_where_it_lies_is_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fsync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "fsync", fsync)
    fs, file = LocalFileSystem(), tmp_path / "a/b/journal.json"
    fs.create_exclusive(file.as_posix(), b"x")
    fs.make_durable((tmp_path / "a").as_posix())
    assert file.read_bytes() == b"x"


DEEP = "/".join(["a" * 60] * 5)


def test_files_deeper_than_260_characters_are_found_and_read(tmp_path: Path) -> None:
    """On Windows without long paths, by their long form, which no result has."""
    folder = f"{tmp_path.as_posix()}/{DEEP}"
    fs = LocalFileSystem()
    fs.create_exclusive(f"{folder}/x.csv", b"a,b")
    _assert_found(fs, folder)


@pytest.fixture
def long_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose long form, here another name, alone finds it; the folder's location is C:/in.

    It holds a file x.csv.
    """
    if os.name == "nt":
        pytest.skip("a long form is no name there")
    monkeypatch.chdir(tmp_path)

    def long(location: str) -> Path:
        return Path("long", location)

    def plain(path: Path) -> str:
        return path.as_posix().removeprefix("long/")

    for module in (local, file_heads):
        monkeypatch.setattr(module, "long_path", long)
    monkeypatch.setattr(local, "plain_location", plain)
    (tmp_path / "long" / "C:" / "in").mkdir(parents=True)
    (tmp_path / "long" / "C:" / "in" / "x.csv").write_bytes(b"a,b")
    return tmp_path / "long" / "C:" / "in"


@pytest.mark.usefixtures("long_form")
def test_they_are_looked_up_by_their_long_form() -> None:
    _assert_found(LocalFileSystem(), "C:/in")
    assert file_heads.changed_ns("C:/in/x.csv")


@pytest.mark.usefixtures("long_form")
def test_so_is_the_one_of_them_that_a_program_has_open(monkeypatch: pytest.MonkeyPatch) -> None:
    def is_open(file: str) -> bool:
        return "x.csv" in file

    class Refusing(Disk):
        def remove_tree(self, location: str) -> None:
            error = PermissionError(13, "Access denied", location)
            # Only Windows' own errors have it.
            setattr(error, "winerror", 5)  # noqa: B010
            raise error

    monkeypatch.setattr("framework.contract.held_files._is_open", is_open)
    fs = LocalFileSystem(Refusing(), Patience(limit_s=0))
    with pytest.raises(HeldOpenError, match=r"in/x\.csv is open in another program"):
        fs.delete("C:/in")


@pytest.mark.parametrize("change", ["names", "make_dirs"])
def test_a_folder_that_another_landing_removes_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """As Windows refuses whatever names it until it is gone."""
    refusals = [32, 5]

    def refuse() -> None:
        if refusals:
            error = PermissionError(13, "Sharing violation")
            setattr(error, "winerror", refusals.pop())  # noqa: B010
            raise error

    class Refusing(Disk):
        def make_folder(self, location: str) -> None:
            refuse()
            super().make_folder(location)

    def refused(path: Path) -> Iterator[Path]:
        refuse()
        return iterdir(path)

    iterdir = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", refused)
    fs = LocalFileSystem(Refusing(), Patience(pause_s=0.0))
    getattr(fs, change)((tmp_path / "_landing").as_posix())
    assert not refusals


def test_a_file_that_another_landing_removes_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C's open has no code of Windows."""
    refusals = [PermissionError(errno.EACCES, "Permission denied")]
    file = tmp_path / "journal.json"
    file.write_bytes(b"{}")

    def refused(path: Path, mode: str) -> BinaryIO:
        if refusals:
            raise refusals.pop()
        return cast(BinaryIO, opened(path, mode))

    opened = Path.open
    fs = LocalFileSystem(patience=Patience(pause_s=0.0))
    with monkeypatch.context() as patch:
        patch.setattr(sys, "platform", "win32")
        patch.setattr(Path, "open", refused)
        assert fs.read_head(file.as_posix(), 9) == b"{}"
    assert not refusals


def _assert_found(fs: LocalFileSystem, folder: str) -> None:
    file = f"{folder}/x.csv"
    assert [each.location for each in fs.files(folder, 9)] == [file]
    assert [each.size_bytes for each in fs.files(file, 9)] == [3]
    assert fs.read_head(file, 2) == b"a,"
    assert fs.glob(f"{folder}/*.csv") == [file]
