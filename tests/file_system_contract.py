"""What publishing needs of every file system; a module gives the fixtures `fs` and `root`."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from framework.contract.paths import join
from framework.storage.filesystem import FileSystem, Usage


class FileSystemContract:
    """Derive a class from it whose name begins with Test."""

    def test_exclusive_creation_is_for_one(self, fs: FileSystem, root: str) -> None:
        file = join(root, "new folder", "journal.json")
        fs.create_exclusive(file, b"one\n\xff")
        with pytest.raises(FileExistsError):
            fs.create_exclusive(file, b"two")
        assert fs.read_bytes(file) == b"one\n\xff"
        assert abs(datetime.now(tz=timezone.utc) - fs.modified(file)) < timedelta(minutes=1)

    def test_atomic_writes_replace_and_leave_no_temporary_file(
        self, fs: FileSystem, root: str
    ) -> None:
        file = join(root, "journal.json")
        fs.create_exclusive(file, b"one")
        fs.write_atomic(file, b"two")
        fs.write_atomic(file, b"three")
        assert fs.read_bytes(file) == b"three"
        assert fs.names(root) == ["journal.json"]

    def test_what_is_missing_is_missing(self, fs: FileSystem, root: str) -> None:
        missing = join(root, "missing")
        assert not fs.exists(missing)
        assert not fs.matches(missing)
        with pytest.raises(FileNotFoundError):
            fs.read_bytes(missing)
        with pytest.raises(FileNotFoundError):
            fs.modified(missing)
        with pytest.raises(OSError, match="missing"):
            fs.rename(missing, join(root, "target"))
        fs.delete(missing)
        assert fs.remove_empty_dir(missing)

    def test_names_are_those_of_a_folder(self, fs: FileSystem, root: str) -> None:
        for name in ("b", "a", "a.tmp"):
            fs.create_exclusive(join(root, "folder", name), b"x")
        fs.make_dirs(join(root, "folder", "c", "below"))
        assert fs.names(join(root, "folder")) == ["a", "a.tmp", "b", "c"]
        assert fs.names(join(root, "folder", "a")) == []
        assert fs.names(join(root, "missing")) == []

    @pytest.mark.parametrize("is_empty", [True, False])
    def test_a_rename_never_replaces_and_never_moves_inside(
        self, fs: FileSystem, root: str, is_empty: bool
    ) -> None:
        fs.create_exclusive(join(root, "source", "part-0"), b"x")
        fs.make_dirs(join(root, "target"))
        if not is_empty:
            fs.create_exclusive(join(root, "target", "part-0"), b"old")
        with pytest.raises(FileExistsError):
            fs.rename(join(root, "source"), join(root, "target"))
        assert fs.exists(join(root, "source", "part-0"))
        assert not fs.exists(join(root, "target", "source"))
        fs.delete(join(root, "target"))
        fs.rename(join(root, "source"), join(root, "target"))
        assert fs.read_bytes(join(root, "target", "part-0")) == b"x"
        assert not fs.exists(join(root, "source"))

    def test_a_full_folder_is_not_taken_for_an_empty_one(self, fs: FileSystem, root: str) -> None:
        file = join(root, "full", "file")
        fs.create_exclusive(file, b"x")
        assert not fs.remove_empty_dir(join(root, "full"))
        assert fs.exists(file)
        fs.delete(join(root, "full"))
        assert not fs.exists(join(root, "full"))

    @pytest.mark.parametrize(
        ("pattern", "is_there"),
        [("*.csv", True), ("?.csv", True), ("{a,b}.csv", True), ("[ab].csv", True),
         ("*.orc", False), ("{b,c}.csv", False)],
    )  # fmt: skip
    def test_patterns(self, fs: FileSystem, root: str, pattern: str, is_there: bool) -> None:
        fs.create_exclusive(join(root, "in", "a.csv"), b"x")
        assert fs.matches(join(root, "in", pattern)) is is_there
        assert fs.matches(join(root, "*", pattern)) is is_there

    def test_a_glob_gives_the_locations(self, fs: FileSystem, root: str) -> None:
        files = [join(root, "t", day, "_types") for day in ("d=1", "d=2", "d=3 a")]
        for file in [*files, join(root, "t", "_landing", "other")]:
            fs.create_exclusive(file, b"x")
        assert fs.glob(join(root, "t", "*", "_types")) == files
        assert fs.glob(join(root, "t", "d={1,2}", "_*")) == files[:2]
        assert fs.glob(files[2]) == files[2:]
        assert fs.glob(join(root, "t", "*", "missing")) == []
        assert fs.glob(join(root, "missing", "*")) == []

    def test_usage_counts_data_only(self, fs: FileSystem, root: str) -> None:
        sizes = {"p=1/part-0": 3, "p=2/part-1": 4, "_SUCCESS": 5, "_tmp/part-2": 6}
        for name, size in sizes.items():
            fs.create_exclusive(join(root, "t", name), b"x" * size)
        assert fs.usage(join(root, "t")) == Usage(files=2, size_bytes=7)

    def test_content_counts_hidden_files_too(self, fs: FileSystem, root: str) -> None:
        for name in ("t/a/part-0", "t/a/_SUCCESS", "t/.b/c"):
            fs.create_exclusive(join(root, name), b"xy")
        assert fs.content(join(root, "t")) == Usage(files=3, size_bytes=6)
        assert fs.content(join(root, "missing")) == Usage(files=0, size_bytes=0)

    def test_files_below_a_folder(self, fs: FileSystem, root: str) -> None:
        for name in ("in/b", "in/_x/c", "in/a b#%"):
            fs.create_exclusive(join(root, name), name.encode())
        folder = join(root, "in")
        found = sorted(fs.files(folder, 9))
        sizes = {"a b#%": 8, "_x/c": 7, "b": 4}
        assert found == [(join(folder, name), sizes[name]) for name in sorted(sizes)]
        assert len(fs.files(folder, 2)) == 2
        assert fs.files(join(folder, "b"), 9) == [(join(folder, "b"), 4)]
        assert fs.read_head(join(folder, "a b#%"), 4) == b"in/a"
        assert fs.read_head(join(folder, "b"), 99) == b"in/b"
        with pytest.raises(FileNotFoundError):
            fs.read_head(join(folder, "missing"), 1)

    def test_a_name_as_it_is_spelled_is_no_pattern(self, fs: FileSystem, root: str) -> None:
        for name in ("x[1]/a.csv", "x1/a.csv"):
            fs.create_exclusive(join(root, name), b"")
        assert fs.glob(join(root, "x[1]")) == [join(root, "x[1]")]
        assert fs.glob(join(root, "x[1]/*.csv")) == [join(root, "x[1]/a.csv")]
        assert fs.glob(join(root, r"x\[1\]/*.csv")) == [join(root, "x[1]/a.csv")]
        assert fs.glob(join(root, "x[12]/*.csv")) == [join(root, "x1/a.csv")]
        assert fs.glob(join(root, "x{1,2}/*.csv")) == [join(root, "x1/a.csv")]
        assert not fs.matches(join(root, "x[2]"))
