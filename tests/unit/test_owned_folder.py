"""Folders for temporary files: whose owner is dead goes with a later start, whatever its age."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path
from typing import BinaryIO

import pytest

from orch_dagster import owned_folder
from orch_dagster.owned_folder import OwnedFolder, remove_abandoned


def kill(folder: OwnedFolder) -> None:
    """Do what the system does at the end of the owner, whatever ended it."""
    assert folder._held is not None
    folder._held.close()


def test_the_folder_of_a_dead_owner_goes_and_that_of_a_living_one_stays(tmp_path: Path) -> None:
    dead, living, other = (OwnedFolder(tmp_path, each) for each in ("orch-", "orch-", "else-"))
    for each in (dead, living, other):
        (each.path / "below").mkdir()
        (each.path / "below" / "file").touch()
        # Nobody's age tells.
        os.utime(each.path, (0, 0))
    kill(dead)
    kill(other)

    last = OwnedFolder(tmp_path, "orch-")
    assert {each for each in tmp_path.iterdir() if each.is_dir()} == {
        living.path, other.path, last.path,
    }  # fmt: skip
    assert (living.path / "below" / "file").is_file()

    for each in (living, last):
        shutil.rmtree(each.path)
        each.release()
    remove_abandoned(tmp_path, "else-")
    assert list(tmp_path.iterdir()) == []


def test_what_its_owner_could_not_remove_goes_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = OwnedFolder(tmp_path, "orch-")
    folder.release()
    with monkeypatch.context() as patch:
        # Another program has a file of it open.
        patch.setattr(shutil, "rmtree", lambda *_, **__: None)
        remove_abandoned(tmp_path, "orch-")
    assert folder.path.is_dir()

    remove_abandoned(tmp_path, "orch-")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_names_no_owner_of_this_host_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "orch-of-somebody").mkdir()
    far = OwnedFolder(tmp_path, "orch-")
    kill(far)
    with monkeypatch.context() as patch:
        patch.setattr(socket, "gethostname", lambda: "another")
        remove_abandoned(tmp_path, "orch-")
    assert far.path.is_dir()

    remove_abandoned(tmp_path, "orch-")
    assert [each.name for each in tmp_path.iterdir()] == ["orch-of-somebody"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such users")
def test_a_folder_of_another_user_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In /tmp anybody may name an owner of anything."""
    folder = OwnedFolder(tmp_path, "orch-")
    kill(folder)
    own = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: own + 1)
    remove_abandoned(tmp_path, "orch-")
    assert folder.path.is_dir()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
@pytest.mark.timeout(20)
def test_what_is_no_file_of_an_owner_is_not_read(tmp_path: Path) -> None:
    """In /tmp anybody may make it, and a FIFO would be waited for."""
    (tmp_path / "orch-a").mkdir()
    os.mkfifo(tmp_path / "orch-a.owner")
    (tmp_path / "orch-b.owner").mkdir()
    (tmp_path / "orch-c").mkdir()
    (tmp_path / "orch-c.owner").write_bytes(b"\xff")
    remove_abandoned(tmp_path, "orch-")
    assert len([*tmp_path.iterdir()]) == 5


@pytest.mark.skipif(os.name == "nt", reason="a lock of Windows is an open file")
def test_without_locks_a_folder_is_made_and_never_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", refuse)
    folder = OwnedFolder(tmp_path, "orch-")
    OwnedFolder(tmp_path, "orch-").release()
    assert folder.path.is_dir()
    folder.release()
    assert not list(tmp_path.glob("*.owner"))


def test_on_a_full_disk_a_folder_is_made_without_the_file_of_an_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty file stayed for good, as it names no host."""

    def no_space() -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(owned_folder, "_host", no_space)
    folder = OwnedFolder(tmp_path, "orch-")
    assert [*tmp_path.iterdir()] == [folder.path]
    folder.release()


@pytest.mark.skipif(os.name == "nt", reason="a lock of Windows is an open file")
def test_on_nfs_the_folder_of_a_dead_owner_goes_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    flock = fcntl.flock

    def emulated(file: BinaryIO, operation: int) -> None:
        if not file.writable():
            raise OSError(9, "Bad file descriptor")
        flock(file, operation)

    monkeypatch.setattr(fcntl, "flock", emulated)
    dead, living = OwnedFolder(tmp_path, "orch-"), OwnedFolder(tmp_path, "orch-")
    kill(dead)
    remove_abandoned(tmp_path, "orch-")
    assert not dead.path.exists()
    assert living.path.is_dir()
    living.release()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no forks")
def test_a_fork_that_outlives_its_owner_keeps_the_folder(tmp_path: Path) -> None:
    """It may still use it."""
    folder = OwnedFolder(tmp_path, "orch-")
    assert folder._held is not None
    of_fork = os.dup(folder._held.fileno())
    kill(folder)
    remove_abandoned(tmp_path, "orch-")
    assert folder.path.is_dir()

    os.close(of_fork)
    remove_abandoned(tmp_path, "orch-")
    assert [*tmp_path.iterdir()] == []
