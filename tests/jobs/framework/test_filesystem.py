"""One suite for the local file system and for Hadoop's, the latter on file: URIs."""

from __future__ import annotations

import os
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from framework.filesystem import FileSystem, LocalFileSystem, RoutedFileSystem, Usage
from framework.locations import join


@pytest.fixture(params=["local", pytest.param("hadoop", marks=pytest.mark.spark)])
def fs(request: pytest.FixtureRequest) -> FileSystem:
    if request.param == "local":
        return LocalFileSystem()
    from framework.hadoop import HadoopFileSystem

    return HadoopFileSystem(request.getfixturevalue("spark"))


@pytest.fixture
def root(tmp_path: Path) -> str:
    return tmp_path.as_posix()


def test_exclusive_creation_is_for_one(fs: FileSystem, root: str) -> None:
    file = join(root, "new folder", "journal.json")
    fs.create_exclusive(file, b"one\n\xff")
    with pytest.raises(FileExistsError):
        fs.create_exclusive(file, b"two")
    assert fs.read_bytes(file) == b"one\n\xff"
    assert abs(datetime.now(tz=timezone.utc) - fs.modified(file)) < timedelta(minutes=1)


def test_atomic_writes_replace_and_leave_no_temporary_file(fs: FileSystem, root: str) -> None:
    file = join(root, "journal.json")
    fs.create_exclusive(file, b"one")
    fs.write_atomic(file, b"two")
    fs.write_atomic(file, b"three")
    assert fs.read_bytes(file) == b"three"
    assert {path.name.strip(".") for path in Path(root).iterdir()} <= {
        "journal.json",
        "journal.json.crc",
    }


def test_what_is_missing_is_missing(fs: FileSystem, root: str) -> None:
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


@pytest.mark.parametrize("is_empty", [True, False])
def test_a_rename_never_replaces_and_never_moves_inside(
    fs: FileSystem, root: str, is_empty: bool
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


def test_a_full_folder_is_not_taken_for_an_empty_one(fs: FileSystem, root: str) -> None:
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
def test_patterns(fs: FileSystem, root: str, pattern: str, is_there: bool) -> None:
    fs.create_exclusive(join(root, "in", "a.csv"), b"x")
    assert fs.matches(join(root, "in", pattern)) is is_there
    assert fs.matches(join(root, "*", pattern)) is is_there


def test_usage_counts_data_only(fs: FileSystem, root: str) -> None:
    for name, size in [("p=1/part-0", 3), ("p=2/part-1", 4), ("_SUCCESS", 5), ("_tmp/part-2", 6)]:
        fs.create_exclusive(join(root, "t", name), b"x" * size)
    assert fs.usage(join(root, "t")) == Usage(files=2, size_bytes=7)


def test_the_local_one_removes_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert LocalFileSystem().remove_empty_dir((tmp_path / "empty").as_posix())
    assert not (tmp_path / "empty").exists()


def test_a_url_without_spark_is_refused() -> None:
    with pytest.raises(OSError, match=r"hdfs://nn/x needs a Spark session"):
        RoutedFileSystem().exists("hdfs://nn/x")


@pytest.mark.spark
def test_urls_go_to_hadoop(spark, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    from framework.hadoop import HadoopFileSystem

    routed = RoutedFileSystem(spark)
    assert isinstance(routed.of("hdfs://nn/x"), HadoopFileSystem)
    assert isinstance(routed.of(tmp_path.as_posix()), LocalFileSystem)
    with pytest.raises(OSError, match=r"can't reach the file system of nosuch://host"):
        routed.exists("nosuch://host/x")


def test_what_is_made_durable_is_read_as_before(fs: FileSystem, root: str) -> None:
    folder = Path(root) / "new" / "biz_dt=2024-05-15"
    folder.mkdir(parents=True)
    (folder / "part-0").write_bytes(b"rows")
    fs.make_durable(join(root, "new"))
    assert (folder / "part-0").read_bytes() == b"rows"


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells which files were synced")
def test_every_file_and_folder_below_is_synced(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (Path(root) / "a" / "b").mkdir(parents=True)
    for name in ("a/one", "a/b/two"):
        (Path(root) / name).write_text("x")
    synced: list[str] = []
    of_descriptor = Path("/proc/self/fd")
    monkeypatch.setattr(
        os, "fsync", lambda file: synced.append(str((of_descriptor / str(file)).readlink()))
    )
    LocalFileSystem().make_durable(join(root, "a"))
    assert sorted(synced) == sorted(f"{root}/{name}" for name in ("a", "a/b", "a/one", "a/b/two"))
