from __future__ import annotations

import importlib.util
import sys
import zipfile
import zipimport
from pathlib import Path

import pytest

from orch_dagster.spark.py_files import (
    framework_archive,
    hql_archive,
    modules_archive,
    pipes_archive,
)
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
        "framework/__init__.pyc",
        "framework/readers/__init__.py",
        "framework/readers/__init__.pyc",
    ]


def test_a_python_takes_its_compiled_code_and_another_one_the_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_framework(tmp_path, "def where(): raise ValueError(__file__)\n")
    (folder / "framework" / "of_the_author.py").write_text("where(")
    here = framework_archive(folder, tmp_path / "c")
    of_another = tmp_path / "another.zip"
    with zipfile.ZipFile(here) as ours, zipfile.ZipFile(of_another, "w") as archive:
        for name in ours.namelist():
            data = ours.read(name)
            archive.writestr(name, b"?" + data[1:] if name.endswith(".pyc") else data)
    for file, ending in ((here, "pyc"), (of_another, "py")):
        found = zipimport.zipimporter(str(file)).find_spec("framework")
        assert found is not None
        assert found.loader is not None
        module = importlib.util.module_from_spec(found)
        found.loader.exec_module(module)
        with pytest.raises(ValueError, match=rf"framework.__init__\.{ending}$") as raised:
            module.where()
        code = raised.traceback[-1].frame.code.raw
        assert Path(code.co_filename).parts[-3:] == (file.name, "framework", "__init__.py")
        with pytest.raises(SyntaxError):
            zipimport.zipimporter(str(file / "framework")).get_code("of_the_author")
    monkeypatch.setattr(importlib.util, "MAGIC_NUMBER", b"later")
    assert framework_archive(folder, tmp_path / "c") != here


def test_an_archive_that_is_there_is_not_written_again(tmp_path: Path) -> None:
    made = framework_archive(make_framework(tmp_path), tmp_path / "c")
    before = made.stat().st_mtime_ns, made.stat().st_ino
    assert framework_archive(tmp_path, tmp_path / "c") == made
    assert (made.stat().st_mtime_ns, made.stat().st_ino) == before


def test_a_folder_without_the_framework_is_named(tmp_path: Path) -> None:
    with pytest.raises(PackageMissingError, match="framework"):
        framework_archive(tmp_path, tmp_path / "c")


def test_the_modules_of_a_project_travel_without_the_framework_and_hidden_files(
    tmp_path: Path,
) -> None:
    jobs = make_framework(tmp_path / "jobs")
    (jobs / "lib" / ".git").mkdir(parents=True)
    (jobs / "job.py").write_text("import lib.more")
    (jobs / "lib" / "more.py").write_text("X = 1")
    (jobs / "lib" / "codes.json").write_text("{}")
    (jobs / "lib" / ".git" / "config").write_text("x")
    with (jobs / "data.csv").open("wb") as file:
        file.truncate((1 << 20) + 1)
    made = modules_archive(jobs, tmp_path / "c")
    assert made is not None
    assert made.name.startswith("jobs-")
    assert zipfile.ZipFile(made).namelist() == ["job.py", "lib/codes.json", "lib/more.py"]
    assert modules_archive(tmp_path / "none", tmp_path / "c") is None


def test_of_two_hql_files_of_one_path_the_first_folder_has_the_one_that_travels(
    tmp_path: Path,
) -> None:
    for folder in ("own", "shipped"):
        (tmp_path / folder / "deep").mkdir(parents=True)
        (tmp_path / folder / "deep" / "a.hql").write_text(folder)
    (tmp_path / "shipped" / "b.hql").write_text("SELECT 1")
    made = hql_archive([tmp_path / "own", tmp_path / "shipped"], tmp_path / "c")
    with zipfile.ZipFile(made) as archive:
        assert archive.namelist() == ["b.hql", "deep/a.hql"]
        assert archive.read("deep/a.hql") == b"own"


def test_a_job_that_calls_orch_passes_its_zip_of_dagster_pipes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = pipes_archive(tmp_path / "cache")
    assert zipimport.zipimporter(str(made)).find_spec("dagster_pipes")
    monkeypatch.delitem(sys.modules, "dagster_pipes", raising=False)
    monkeypatch.syspath_prepend(str(made))
    assert pipes_archive(tmp_path / "other") == made
