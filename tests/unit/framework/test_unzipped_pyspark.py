from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from framework.contract.variables import PYSPARK_DIR
from framework.unzipped_pyspark import UnzippedPySpark, prefer_unzipped


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a pyspark and another package, behind a zip with both on Python's path."""
    with ZipFile(tmp_path / "pyspark.zip", "w") as archive:
        for name in ("pyspark", "beside_pyspark"):
            (tmp_path / "python" / name).mkdir(parents=True)
            (tmp_path / "python" / name / "__init__.py").touch()
            archive.writestr(f"{name}/__init__.py", "")
    for name in [each for each in sys.modules if each.partition(".")[0] == "pyspark"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    monkeypatch.syspath_prepend(str(tmp_path / "python"))
    monkeypatch.syspath_prepend(str(tmp_path / "pyspark.zip"))
    return tmp_path / "python"


def file_of(package: str) -> str:
    """Return from which file a package would be imported."""
    spec = importlib.util.find_spec(package)
    assert spec is not None
    return str(spec.origin)


def test_pyspark_alone_comes_from_the_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PYSPARK_DIR, str(folder))
    prefer_unzipped()

    assert file_of("pyspark") == str(folder / "pyspark" / "__init__.py")
    assert ".zip" in file_of("beside_pyspark")


@pytest.mark.parametrize("is_named", [True, False])
def test_a_folder_without_it_leaves_the_zip(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *, is_named: bool
) -> None:
    (folder / "left" / "pyspark" / "__pycache__").mkdir(parents=True)
    if is_named:
        monkeypatch.setenv(PYSPARK_DIR, str(folder / "left"))
    prefer_unzipped()

    assert any(isinstance(each, UnzippedPySpark) for each in sys.meta_path) == is_named
    assert ".zip" in file_of("pyspark")
