from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from orch_dagster.spark.py_files import framework_archive
from orch_dagster.toolchain.errors import PackageMissingError


def make_framework(folder: Path, text: str = "X = 1\n") -> Path:
    (folder / "framework" / "readers" / "__pycache__").mkdir(parents=True)
    (folder / "framework" / "__init__.py").write_text(text)
    (folder / "framework" / "readers" / "__init__.py").write_text("")
    (folder / "framework" / "readers" / "__pycache__" / "x.pyc").write_bytes(b"x")
    return folder


def test_same_content_same_bytes_and_name_other_content_another_name(tmp_path: Path) -> None:
    one = framework_archive(make_framework(tmp_path / "a"), tmp_path / "c1")
    two = framework_archive(make_framework(tmp_path / "b"), tmp_path / "c2")
    other = framework_archive(make_framework(tmp_path / "c", "X = 2\n"), tmp_path / "c1")
    assert (one.name, one.read_bytes()) == (two.name, two.read_bytes())
    assert other.name != one.name
    assert sorted(tmp_path.joinpath("c1").iterdir()) == sorted([one, other])
    assert zipfile.ZipFile(one).namelist() == [
        "framework/__init__.py",
        "framework/readers/__init__.py",
    ]


def test_an_archive_that_is_there_is_not_written_again(tmp_path: Path) -> None:
    made = framework_archive(make_framework(tmp_path), tmp_path / "c")
    before = made.stat().st_mtime_ns, made.stat().st_ino
    assert framework_archive(tmp_path, tmp_path / "c") == made
    assert (made.stat().st_mtime_ns, made.stat().st_ino) == before


def test_a_folder_without_the_framework_is_named(tmp_path: Path) -> None:
    with pytest.raises(PackageMissingError, match="framework"):
        framework_archive(tmp_path, tmp_path / "c")
