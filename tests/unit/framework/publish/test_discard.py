"""What a recovery does with the staging of a landing whose process is gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from framework.publish import swap
from framework.publish.journal import Journal, Move
from framework.publish.processes import LockOwner
from framework.storage.local import LocalFileSystem
from framework.storage.routed import RoutedFileSystem

DEAD = LockOwner("run-1", "here", 1, 1_000_000)


class Store(LocalFileSystem):
    """A file system that notes its renames."""

    def __init__(self, *, copies: bool) -> None:
        super().__init__()
        self.copies = copies
        self.renamed: list[str] = []

    def renames_by_copy(self, location: str) -> bool:
        return self.copies

    def rename(self, source: str, target: str) -> None:
        self.renamed.append(Path(source).name)
        super().rename(source, target)


def staged(root: Path, name: str = "new-0") -> Journal:
    work = root / "out" / "_landing" / "job" / "2024-05-15" / "1a2b"
    (work / name).mkdir(parents=True)
    (work / name / "part-0").write_text("rows")
    texts = (work, work / "new-0", work / "old-0", root / "out" / "biz_dt=2024-05-15")
    return Journal("job", "2024-05-15", DEAD, moves=(Move(*(each.as_posix() for each in texts)),))


@pytest.mark.parametrize(("copies", "renamed"), [(False, ["1a2b"]), (True, [])])
def test_staging_is_renamed_before_its_deletion_unless_that_copies_it(
    tmp_path: Path, copies: bool, renamed: list[str]
) -> None:
    fs = Store(copies=copies)
    swap.cleanup(fs, staged(tmp_path))
    assert fs.renamed == renamed
    assert [*tmp_path.rglob("*")] == [tmp_path / "out"]


@pytest.mark.parametrize("copies", [False, True])
def test_old_data_that_a_landing_moved_there_stays(tmp_path: Path, copies: bool) -> None:
    journal = staged(tmp_path, "old-0")
    with pytest.raises(FileExistsError, match="holds the old data of a date, old-0"):
        swap.cleanup(Store(copies=copies), journal)
    assert [each.read_text() for each in tmp_path.rglob("part-0")] == ["rows"]


def test_a_local_rename_moves_no_data(tmp_path: Path) -> None:
    assert not RoutedFileSystem().renames_by_copy(tmp_path.as_posix())
