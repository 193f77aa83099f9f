"""Changes that Windows refuses while a file or folder is open, and how a landing takes it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from framework.contract.held_files import HeldOpenError, Patience, open_elsewhere
from framework.errors import PublishError
from framework.plan import Place
from framework.publish.processes import psutil_probe, this_process
from framework.publish.publication import publication
from framework.storage.local import LocalFileSystem

pytestmark = pytest.mark.skipif(sys.platform != "win32", reason="only Windows refuses it")

DATE = "2024-05-15"


def impatient() -> LocalFileSystem:
    return LocalFileSystem(patience=Patience(limit_s=0.2))


@pytest.mark.parametrize(
    "change",
    [
        lambda fs, file: fs.delete(file),
        lambda fs, file: fs.delete(file.rpartition("/")[0]),
        lambda fs, file: fs.rename(file, f"{file}-2"),
        lambda fs, file: fs.write_atomic(file, b"new"),
    ],
)
def test_a_file_that_is_open_is_named_and_kept(
    tmp_path: Path, change: Callable[[LocalFileSystem, str], None]
) -> None:
    file = tmp_path / "folder" / "part-0"
    file.parent.mkdir()
    file.write_bytes(b"old")
    with file.open("rb") as reader:
        found = open_elsewhere(tmp_path.as_posix())
        assert found is not None
        assert Path(found) == file
        with pytest.raises(HeldOpenError) as refused:
            change(impatient(), file.as_posix())
        assert str(refused.value) == f"{file} is open in another program (waited for 0.2 s)"
        assert reader.read() == b"old"
    assert open_elsewhere(tmp_path.as_posix()) is None
    change(impatient(), file.as_posix())


def test_a_date_that_a_program_is_in_keeps_its_old_data_until_that_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out" / f"biz_dt={DATE}"
    target.mkdir(parents=True)
    (target / "part-0").write_bytes(b"old")
    place = Place(target.as_posix(), target.name)
    me = this_process("run", psutil_probe)

    def land() -> None:
        with publication(impatient(), [place], "job", DATE, me, psutil_probe) as current:
            staged = Path(current.staging[0]) / target.name
            staged.mkdir(parents=True)
            (staged / "part-0").write_bytes(b"new")
            current.commit()

    # A working folder is open, and Wine refuses its rename too (not that of a folder above a file).
    monkeypatch.chdir(target)
    with pytest.raises(PublishError) as refused:
        land()
    assert f"{target} is open in another program" in str(refused.value)
    assert "the old data is in place" in str(refused.value)
    assert (target / "part-0").read_bytes() == b"old"
    monkeypatch.chdir(tmp_path)
    land()
    assert (target / "part-0").read_bytes() == b"new"
    assert [each.name for each in target.parent.iterdir()] == [target.name]
