"""The local file system, and Hadoop's on file: URIs; test_hdfs.py has the one on HDFS."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytest

from framework.contract.paths import join
from framework.storage.filesystem import FileSystem
from framework.storage.local import LocalFileSystem
from framework.storage.routed import RoutedFileSystem
from tests.file_system_contract import FileSystemContract


@pytest.fixture(params=["local", pytest.param("hadoop", marks=pytest.mark.spark)])
def fs(request: pytest.FixtureRequest) -> FileSystem:
    if request.param == "local":
        return LocalFileSystem()
    from framework.storage.hadoop import HadoopFileSystem

    return HadoopFileSystem.of_session(request.getfixturevalue("spark"))


@pytest.fixture
def root(tmp_path: Path) -> str:
    return tmp_path.as_posix()


class TestContract(FileSystemContract):
    """Both."""


def test_a_folder_is_made_while_another_landing_removes_those_above_it(
    root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No loss of power: spare the disk.
    monkeypatch.setattr(os, "fsync", lambda _: None)
    fs, over = LocalFileSystem(), threading.Event()
    job = join(root, "_landing", "job")

    def remove() -> None:
        while not over.is_set():
            fs.remove_empty_dir(job)
            fs.remove_empty_dir(join(root, "_landing"))

    thread = threading.Thread(target=remove)
    thread.start()
    try:
        for number in range(500):
            fs.make_dirs(join(job, str(number)))
            assert fs.remove_empty_dir(join(job, str(number)))
    finally:
        over.set()
        thread.join()


def test_the_local_one_removes_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert LocalFileSystem().remove_empty_dir((tmp_path / "empty").as_posix())
    assert not (tmp_path / "empty").exists()


def test_a_url_without_spark_is_refused() -> None:
    with pytest.raises(OSError, match=r"hdfs://nn/x needs a Spark session"):
        RoutedFileSystem().exists("hdfs://nn/x")


@pytest.mark.spark
def test_urls_go_to_hadoop(spark, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    from framework.storage.hadoop import HadoopFileSystem

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
def test_every_file_and_folder_is_synced(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (Path(root) / "a" / "b").mkdir(parents=True)
    for name in ("a/one", "a/b/two"):
        (Path(root) / name).write_text("x")
    synced: list[str] = []
    of_descriptor = Path("/proc/self/fd")
    monkeypatch.setattr(
        os, "fsync", lambda file: synced.append(str((of_descriptor / str(file)).readlink()))
    )
    LocalFileSystem().make_durable(join(root, "a"))
    below = sorted(f"{root}/{name}" for name in ("a", "a/b", "a/one", "a/b/two"))
    # The folder's own name last.
    assert sorted(synced) == [root, *below]
    assert synced[-1] == root
