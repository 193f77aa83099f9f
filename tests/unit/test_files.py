"""Files that are there whole or not at all, and what keeps them from being written."""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from framework.contract.held_files import Patience
from orch_dagster import files
from orch_dagster.bundle.bundle import run_folder
from orch_dagster.control.connect import open_store
from orch_dagster.defs.runs.kept_reports import KeptReports
from orch_dagster.files import (
    discard,
    make_private,
    os_fault,
    remove_or_warn,
    scratch_folder,
    storage_fault,
    write_atomically,
)
from orch_dagster.run_log import RunLog
from orch_dagster.sample.files import write_csv
from orch_dagster.settings import Settings
from orch_dagster.spark.py_files import pipes_archive


def test_the_text_in_utf_8_with_its_own_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "made" / "on the way" / "é.json"
    write_atomically(path, "a\né😀\r\n")

    assert path.read_bytes() == "a\né😀\r\n".encode()
    assert os.listdir(path.parent) == [path.name]  # noqa: PTH208


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
def test_only_the_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("old")
    path.chmod(0o644)
    write_atomically(path, "new")

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.fixture
def no_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
@pytest.mark.usefixtures("no_umask")
def test_a_home_is_its_owners_alone_whatever_the_umask(tmp_path: Path) -> None:
    home = tmp_path / "home"
    settings = Settings(home=home)  # pyright: ignore[reportCallIssue]
    make_private(settings.dagster_home / "storage")
    store = open_store(settings.control_url, home)
    store.ensure_tables()
    store.close()
    run_folder(settings.params_dir, "run-1")
    RunLog(settings.logs_dir / "job.log").close()

    modes = {
        path.relative_to(home).as_posix(): f"{stat.S_IMODE(path.stat().st_mode):o}"
        for path in home.rglob("*")
    }
    assert modes == {
        ".orch": "700",
        ".orch/dagster": "700",
        ".orch/dagster/storage": "700",
        ".orch/control.db": "600",
        "params": "700",
        "params/run-1": "700",
        "logs": "700",
        "logs/job.log": "600",
    }
    # What is landed there is for others to read.
    assert stat.S_IMODE(home.stat().st_mode) == 0o777
    # Somebody may have opened a folder on purpose.
    settings.logs_dir.chmod(0o750)
    make_private(settings.logs_dir)
    assert stat.S_IMODE(settings.logs_dir.stat().st_mode) == 0o750


def test_a_write_that_fails_leaves_the_old_text_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "x"
    write_atomically(path, "old")

    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "new \ud800")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["x"]  # noqa: PTH208


def test_readers_see_one_of_the_texts_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "x"
    texts = {letter * 100_000 for letter in "abc"}
    write_atomically(path, "a" * 100_000)
    over = threading.Event()
    seen: list[str] = []
    # Windows replaces no file that is open, so a reader without a pause holds each text up.
    pause_s = 0.01 if os.name == "nt" else 0

    def read() -> None:
        while not over.wait(pause_s):
            # Windows opens no file that is being replaced.
            with suppress(PermissionError):
                seen.append(path.read_text())

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for _ in range(30):
            for text in texts:
                write_atomically(path, text)
    finally:
        over.set()
        reader.join()
    assert seen
    assert set(seen) <= texts


def test_a_fault_of_dagsters_storage_is_one_sentence(tmp_path: Path) -> None:
    error = OperationalError("INSERT INTO t", {}, Exception("no such table: t\nmore"))
    assert storage_fault(error, tmp_path) == (
        f"Dagster's storage ({tmp_path}) can't be used: no such table: t; look whether its files "
        "are there and may be written"
    )


def test_a_file_that_is_open_is_no_missing_right() -> None:
    """Python gives both the same errno."""
    error = OSError(errno.EACCES, "in use")
    error.filename = r"C:\x"
    assert os_fault(error).endswith("; give this user the right to write there")
    error.winerror = 32
    assert os_fault(error) == r"C:\x: in use; close the program that has it open"


def test_a_path_that_windows_does_not_take_for_its_length_is_told_as_that() -> None:
    """Windows says of such a path that it is missing: a job_name may have 200 characters."""
    path = "C:\\" + "a" * 250
    error = FileNotFoundError(errno.ENOENT, "No such file or directory", path)
    assert os_fault(error, "win32") == (
        f"{path}: No such file or directory; choose a shorter path or name, or switch long paths "
        "on (docs/windows.md)"
    )
    assert os_fault(error, "linux") == f"{path}: No such file or directory"
    error.filename = path[:100]
    assert os_fault(error, "win32") == f"{path[:100]}: No such file or directory"


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Have each file open elsewhere at the first attempt to rename or remove it, by Windows' rules.

    The list has the names of what was refused.
    """
    refused: list[str] = []
    change: dict[str, Callable[..., Any]] = {"replace": Path.replace, "unlink": Path.unlink}

    def refusing(name: str) -> Callable[..., Any]:
        def at_first(path: Path, *args: Any, **options: Any) -> Any:
            if str(path) not in refused:
                refused.append(str(path))
                error = PermissionError(13, "Access denied", str(path))
                # Only Windows' own errors have it.
                setattr(error, "winerror", 32)  # noqa: B010
                raise error
            return change[name](path, *args, **options)

        return at_first

    for name in change:
        monkeypatch.setattr(Path, name, refusing(name))
    return refused


def _archive(folder: Path) -> Path:
    return pipes_archive(folder)


def _extract(folder: Path) -> Path:
    return write_csv(folder / "x.csv", ["a"], [["1"]])


def _atomically(folder: Path) -> Path:
    write_atomically(folder / "x", "text")
    return folder / "x"


@pytest.mark.parametrize("write", [_archive, _extract, _atomically])
def test_what_was_just_written_may_be_open_in_a_scanner(
    tmp_path: Path, held: list[str], write: Callable[[Path], Path]
) -> None:
    """A virus scanner, say, opens each new file for a moment."""
    assert write(tmp_path).is_file()
    assert len(held) == 1


def test_a_file_that_another_process_reads_is_removed_after_that(
    tmp_path: Path, held: list[str]
) -> None:
    kept = KeptReports(tmp_path, "run", "job", 1)
    kept.close()
    assert held
    assert not [*tmp_path.iterdir()]


class Held:
    """Refuses, as Windows does, to remove a file that a program has open, until it is closed."""

    def __init__(self, patch: pytest.MonkeyPatch, refusals: float = float("inf")) -> None:
        self.refusals = refusals
        unlink = os.unlink

        def refuse(path: Any, **options: Any) -> None:
            if str(path).endswith("held.json") and self.refusals > 0:
                self.refusals -= 1
                error = PermissionError(13, "Used by another process", str(path))
                # Only Windows' own errors have it.
                setattr(error, "winerror", 32)  # noqa: B010
                raise error
            unlink(path, **options)

        patch.setattr(os, "unlink", refuse)
        patch.setattr(files, "_DISCARD_WAIT_S", 0.0)
        patch.setattr(files, "Patience", partial(Patience, limit_s=0.0, pause_s=0.0))


@pytest.mark.parametrize("fails", [False, True])
def test_a_file_that_a_scanner_holds_hides_no_outcome_of_a_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    Held(monkeypatch)

    def block() -> str:
        with scratch_folder(tmp_path, "check-") as folder:
            (folder / "held.json").write_text("{}")
            if fails:
                raise KeyError("the block's own")
        return "its result"

    if fails:
        with pytest.raises(KeyError, match="the block's own"):
            block()
    else:
        assert block() == "its result"
    [folder] = (each for each in tmp_path.iterdir() if each.is_dir())
    assert [each.name for each in folder.iterdir()] == ["held.json"]


def test_what_a_scanner_held_goes_with_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(monkeypatch)
    for _ in range(2):
        with scratch_folder(tmp_path, "check-") as folder:
            (folder / "held.json").write_text("{}")
    # The scanner has both open.
    assert len([each for each in tmp_path.iterdir() if each.is_dir()]) == 2

    held.refusals = 0
    with scratch_folder(tmp_path, "recover-"):
        assert len([*tmp_path.glob("check-*")]) == 4
    with scratch_folder(tmp_path, "check-") as folder:
        assert [each for each in tmp_path.iterdir() if each.is_dir()] == [folder]
    assert list(tmp_path.iterdir()) == []


def test_what_a_scanner_holds_for_a_moment_is_removed_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Held(monkeypatch, refusals=1)
    with scratch_folder(tmp_path, "check-") as folder:
        (folder / "held.json").write_text("{}")
        assert folder.parent == tmp_path
    assert list(tmp_path.iterdir()) == []


def test_what_may_hold_secrets_and_stays_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Held(monkeypatch)
    told: list[str] = []
    held = tmp_path / "held.json"
    held.touch()
    remove_or_warn(held, told.append)
    remove_or_warn(tmp_path / "not there", told.append)
    (sentence,) = told
    assert sentence.startswith(f"{held} may hold secrets and can't be removed")
    discard(held)
    assert held.is_file()
