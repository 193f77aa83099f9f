"""Replaced folders on file systems that may not have the new data on disk yet."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from framework.plan import Place
from framework.publish.journal import journal_location
from framework.publish.processes import LockOwner, ProcessInfo
from framework.publish.publication import publication, recover
from framework.storage.filesystem import FileSystem
from framework.storage.local import LocalFileSystem
from tests.faulty import FaultyFileSystem, Killed

pytestmark = pytest.mark.usefixtures("no_fsync")

JOB, DATE = "job", "2024-05-15"
DAY = f"biz_dt={DATE}"
ME = LockOwner("run-2", "here", 2, 2_000_000)
DEAD = LockOwner("run-1", "here", 1, 1_000_000)
TABLES = ("a", "b")


class Unsynced(LocalFileSystem):
    """Closed files may be in memory only, as on HDFS."""

    def can_make_durable(self, location: str) -> bool:
        return False


def look(pid: int) -> ProcessInfo | None:
    return ProcessInfo(2_000_000) if pid == 2 else None


def land(fs: FileSystem, root: Path, text: str, owner: LockOwner = ME) -> None:
    places = [Place((root / table / DAY).as_posix(), DAY, root.as_posix()) for table in TABLES]
    with publication(fs, places, JOB, DATE, owner, look) as current:
        for folder in current.staging:
            (Path(folder) / DAY).mkdir(parents=True)
            (Path(folder) / DAY / "part-0").write_text(text)
        current.commit()


def texts(root: Path, below: str = "*/biz_dt=*") -> set[str]:
    """What the files of the folders of a date hold; one text, as long as it is whole."""
    files = list(root.glob(f"{below}/part-0"))
    return {file.read_text() for file in files} if len(files) == 2 else {f"{len(files)} files"}


KEPT = f"*/_replaced/_{JOB}/_{DATE}/_old-*"


def test_a_replaced_folder_is_kept_until_the_next_landing_of_the_date(tmp_path: Path) -> None:
    fs = Unsynced()
    land(fs, tmp_path, "one")
    assert not list(tmp_path.rglob("_*"))
    land(fs, tmp_path, "two")
    assert (texts(tmp_path), texts(tmp_path, KEPT)) == ({"two"}, {"one"})
    with pytest.raises(Killed):
        land(FaultyFileSystem(5, Killed, "before", span=None, real=fs), tmp_path, "lost", DEAD)
    assert recover(fs, location(tmp_path), ME, look)
    assert (texts(tmp_path), texts(tmp_path, KEPT)) == ({"two"}, {"one"})
    land(fs, tmp_path, "three")
    assert (texts(tmp_path), texts(tmp_path, KEPT)) == ({"three"}, {"two"})
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["_replaced", DAY]


def test_a_local_one_is_deleted_as_the_new_is_on_disk(tmp_path: Path) -> None:
    for text in ("one", "two"):
        land(LocalFileSystem(), tmp_path, text)
    assert texts(tmp_path) == {"two"}
    assert not list(tmp_path.rglob("_*"))


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_kill_at_any_operation_leaves_one_of_both_in_place_and_the_older_kept(
    tmp_path: Path, when: str
) -> None:
    seen: set[tuple[str, ...]] = set()
    at, hit = 0, True
    while hit:
        at += 1
        root = tmp_path / str(at)
        for text in ("one", "two"):
            land(Unsynced(), root, text)
        fs = FaultyFileSystem(at, Killed, when, span=None, real=Unsynced())
        with contextlib.suppress(Killed):
            land(fs, root, "three", DEAD)
        hit = fs.hit is not None
        recover(Unsynced(), location(root), ME, look)
        state = (*texts(root), *texts(root, KEPT))
        assert state in (("two", "one"), ("three", "two")), fs.hit
        assert not list(root.rglob("_landing")), fs.hit
        seen.add(state)
    assert len(seen) == 2
    assert at > 20


def location(root: Path) -> str:
    return journal_location((root / "a" / DAY).as_posix(), JOB, DATE)
