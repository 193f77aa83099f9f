"""Landings by Windows' rules: a program reads files of a date while it is replaced."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from framework.contract import held_files
from framework.contract.held_files import Patience
from framework.errors import LockedError, PublishError
from framework.logging import get_logger
from framework.plan import Place
from framework.publish.journal import journal_location
from framework.publish.processes import LockOwner, ProcessInfo
from framework.publish.publication import publication, recover
from framework.storage.local import LocalFileSystem
from tests.windows_disk import Killed, WindowsDisk

pytestmark = pytest.mark.usefixtures("no_fsync", "other_processes")

JOB, DATE = "job", "2024-05-15"
FIRST, NEXT = LockOwner("run-1", "here", 1, 1_000_000), LockOwner("run-2", "here", 2, 2_000_000)
FEWEST_CHANGES = 40


class Tables:
    """Two tables with the old data of a date, on a disk by Windows' rules."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.disk = WindowsDisk()
        self.folders = [root / name / f"biz_dt={DATE}" for name in ("a", "b")]
        for folder in self.folders:
            _fill(folder, "old")
        self.places = [Place(folder.as_posix(), folder.name) for folder in self.folders]
        self.journal = journal_location(self.places[0].target, JOB, DATE)

    def files(self, patience: Patience | None = None) -> LocalFileSystem:
        return LocalFileSystem(self.disk, patience or Patience(limit_s=0, pause_s=0))

    def land(
        self, text: str = "new", owner: LockOwner = FIRST, patience: Patience | None = None
    ) -> None:
        fs = self.files(patience)
        with publication(fs, self.places, JOB, DATE, owner, _only(owner)) as current:
            for staging in current.staging:
                _fill(Path(staging) / f"biz_dt={DATE}", text)
            current.commit()

    def recover(self) -> str | None:
        return recover(self.files(), self.journal, NEXT, _only(NEXT))

    def content(self) -> str:
        """Return what both dates hold; a half one or a mix shows as several."""
        found: set[str] = set()
        for folder in self.folders:
            parts = sorted(folder.glob("*"))
            found |= {part.read_text() for part in parts} if len(parts) == 2 else {"half"}
        return " and ".join(sorted(found))

    def leftovers(self) -> list[str]:
        paths = (path for table in ("a", "b") for path in (self.root / table).iterdir())
        return [path.name for path in paths if path.name != f"biz_dt={DATE}"]

    def check_recovered(self) -> str:
        """Once nobody reads any more, a recovery and a landing leave whole dates alone."""
        self.disk.held = set()
        self.disk.before = _nothing
        self.recover()
        content = self.content()
        assert content in {"old", "new"}
        assert self.leftovers() == []
        self.land("next", NEXT)
        assert (self.content(), self.leftovers()) == ("next", [])
        return content


def _nothing() -> None:
    """Before a change of a disk that nobody reads."""


def _fill(folder: Path, text: str) -> None:
    folder.mkdir(parents=True)
    for part in range(2):
        (folder / f"part-{part}").write_text(text)


def _only(owner: LockOwner) -> object:
    def look(pid: int) -> ProcessInfo | None:
        return ProcessInfo(owner.pid * 1_000_000) if pid == owner.pid else None

    return look


def each_change(root: Path) -> Iterator[tuple[int, Tables]]:
    """Fresh tables for each change of a landing, with its number."""
    counted = Tables(root / "count")
    counted.land()
    assert counted.disk.changes >= FEWEST_CHANGES
    for number in range(counted.disk.changes):
        yield number, Tables(root / f"at{number}")


def test_a_reader_of_the_old_date_is_named_and_the_old_data_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = Tables(tmp_path)
    held = tables.folders[1] / "part-0"
    tables.disk.held = {held.as_posix()}

    def is_open(file: str) -> bool:
        # On Windows by its long form.
        return Path(file.removeprefix("\\\\?\\")) == held

    monkeypatch.setattr(held_files, "_is_open", is_open)
    with pytest.raises(PublishError) as refused:
        tables.land()
    assert not isinstance(refused.value, LockedError)
    assert str(refused.value) == (
        f"job {DATE} was not published, the old data is in place: {held} is open in another "
        "program (waited for 0 s); close it there and start the job again"
    )
    assert (tables.content(), tables.leftovers()) == ("old", [])
    assert tables.check_recovered() == "old"


def test_a_reader_that_ends_in_time_is_waited_for(
    tmp_path: Path,
) -> None:
    tables = Tables(tmp_path)
    tables.disk.hold(tables.folders[0])
    refused: list[str] = []

    def on_wait(path: str) -> None:
        refused.append(path)
        tables.disk.held = set()

    tables.land(patience=Patience(limit_s=60, pause_s=0, on_wait=on_wait))
    assert refused == [str(tables.folders[0])]
    assert (tables.content(), tables.leftovers()) == ("new", [])


def test_the_wait_is_logged(tmp_path: Path) -> None:
    tables = Tables(tmp_path)
    tables.disk.hold(tables.folders[0])

    class Reader(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())
            tables.disk.held = set()

    said: list[str] = []
    logger, reader = get_logger("framework.storage"), Reader()
    logger.addHandler(reader)
    try:
        LocalFileSystem(tables.disk).delete(tables.folders[0].as_posix())
    finally:
        logger.removeHandler(reader)
    assert said == [
        f"{tables.folders[0]}, or a file in it, is open in another program: waiting for it"
    ]
    assert not tables.folders[0].exists()


def test_a_reader_that_comes_at_any_change_leaves_whole_dates(tmp_path: Path) -> None:
    """It opens all files of a table, those of the landing and its journal too, and stays."""
    outcomes: dict[str, int] = {}
    for number, tables in each_change(tmp_path):

        def come(tables: Tables = tables, number: int = number) -> None:
            if tables.disk.changes == number:
                tables.disk.hold(tables.root / "a")

        tables.disk.before = come
        try:
            tables.land()
            outcome = "landed"
        except PublishError as error:
            outcome = "unknown" if "unknown whether published" in str(error) else "kept"
        if outcome == "landed":
            assert tables.content() == "new"
        elif outcome == "kept":
            assert tables.content() == "old"
        content = tables.check_recovered()
        assert outcome == "unknown" or content == {"landed": "new", "kept": "old"}[outcome]
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    assert set(outcomes) == {"landed", "kept", "unknown"}


@pytest.mark.parametrize("is_read", [False, True])
def test_a_kill_at_any_change_is_recovered_also_after_a_reader(
    tmp_path: Path, is_read: bool
) -> None:
    contents: set[str] = set()
    for number, tables in each_change(tmp_path):
        tables.disk.stop_at = number
        with pytest.raises(Killed):
            tables.land()
        tables.disk.stop_at = None
        if is_read:
            tables.disk.hold(tables.root / "a")
            try:
                tables.recover()
            except PublishError as error:
                assert "is open in another program" in str(error)
        contents.add(tables.check_recovered())
    assert contents == {"old", "new"}
