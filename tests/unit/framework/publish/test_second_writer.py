"""A second landing comes between an operation of the first and the reply to it.

The first one lives, and the second believes that it is gone, as after `--gone`. At each operation,
also of those that only look, the reply is lost or not, and so are the checks after it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from framework.contract.paths import parent
from framework.errors import PublishError
from framework.plan import Place
from framework.publish.journal import journal_location
from framework.publish.processes import LockOwner, ProcessInfo
from framework.publish.publication import Publication, publication, recover
from framework.storage.filesystem import FileSystem
from framework.storage.local import LocalFileSystem
from tests.faulty import CHANGING

pytestmark = pytest.mark.usefixtures("no_fsync", "other_processes")

DATE = "2024-05-15"
FIRST, SECOND = LockOwner("run-1", "here", 1, 1_000_000), LockOwner("run-2", "here", 2, 2_000_000)
LOOKING = ("exists", "read_bytes", "read_head", "names", "content")


def look(pid: int) -> ProcessInfo | None:
    """The first one's process looks dead."""
    return ProcessInfo(2_000_000) if pid == 2 else None


class Interrupted:
    """A file system in which `meanwhile` happens after operation number `at`.

    If `lost` is not None, the reply to it is lost, and so are those to so many operations after it.
    """

    def __init__(
        self,
        at: int | list[int],
        lost: int | None,
        meanwhile: Callable[[], None],
        real: FileSystem | None = None,
    ) -> None:
        self.real = real or LocalFileSystem()
        self.at = [at] if isinstance(at, int) else at
        self.lost = lost
        self.meanwhile = meanwhile
        self.count = 0
        self.hit = ""

    def __getattr__(self, name: str) -> Any:
        real = getattr(self.real, name)
        if name not in (*CHANGING, *LOOKING):
            return real

        def call(location: str, *rest: Any) -> Any:
            self.count += 1
            if self.lost is not None and self.at[0] < self.count <= self.at[0] + self.lost:
                raise OSError("no reply either")
            try:
                result = real(location, *rest)
            finally:
                if self.count in self.at:
                    self.hit = f"{name} {location}"
                    self.meanwhile()
            if self.lost is not None and self.count in self.at:
                raise OSError("no reply")
            return result

        return call


class LikeHdfs(LocalFileSystem):
    """It makes the folder of a file that is written."""

    def write_atomic(self, location: str, data: bytes) -> None:
        self.make_dirs(parent(location))
        super().write_atomic(location, data)


class Tables:
    """A date in two tables, or so many."""

    def __init__(self, root: Path, tables: str = "ab") -> None:
        self.targets = [root / table / f"biz_dt={DATE}" for table in tables]
        self.places = [Place(target.as_posix()) for target in self.targets]
        for target in self.targets:
            self.fill(target, "old")

    @staticmethod
    def fill(folder: Path, text: str) -> None:
        for part in range(2):
            LocalFileSystem().create_exclusive((folder / f"part-{part}").as_posix(), text.encode())

    def land(self, job_name: str, fs: FileSystem, me: LockOwner, text: str) -> str:
        """Land, and return what is said if it fails."""
        try:
            with publication(fs, self.places, job_name, DATE, me, look) as current:
                for folder in current.staging:
                    self.fill(Path(folder), text)
                current.commit()
        except PublishError as error:
            return str(error)
        return ""

    def content(self) -> set[str]:
        return {
            ", ".join(part.read_text() for part in sorted(target.glob("part-*")))
            for target in self.targets
        }


def operations(root: Path) -> int:
    fs = Interrupted(-1, None, lambda: None)
    assert Tables(root).land("job", fs, FIRST, "first") == ""  # type: ignore[arg-type]
    return fs.count


@pytest.mark.parametrize("job_name", ["job", "other"])
@pytest.mark.parametrize(
    ("lost", "real"),
    [
        (None, LikeHdfs()),
        (1, LocalFileSystem()),
        (10**6, LikeHdfs()),
    ],
    ids=["between", "check lost", "all lost"],
)
def test_what_a_second_landing_published_stays_whole(
    tmp_path: Path, job_name: str, lost: int | None, real: FileSystem
) -> None:
    seen: set[str] = set()
    # With every check lost too, the first can't know that it landed.
    for at in range(1, operations(tmp_path / "count") + 1):
        tables = Tables(tmp_path / str(at))
        journal = journal_location(tables.places[0].target, "job", DATE)
        said: list[str] = []
        states: list[str] = []

        def second(
            tables: Tables = tables,
            journal: str = journal,
            said: list[str] = said,
            states: list[str] = states,
        ) -> None:
            there = Path(journal).exists()
            states.append(json.loads(Path(journal).read_bytes())["state"] if there else "none")
            said.append(tables.land(job_name, LocalFileSystem(), SECOND, "second"))

        fs = Interrupted(at, lost, second, real)
        first_said = tables.land("job", fs, FIRST, "first")  # type: ignore[arg-type]
        content = tables.content()
        where = (fs.hit, states, said, first_said)
        if said != [""]:
            # It was refused; the date is whole once what is left is recovered.
            assert "no reply" not in said[0], where
            for job in {"job", job_name}:
                location = journal_location(tables.places[0].target, job, DATE)
                recover(LocalFileSystem(), location, SECOND, look)
            assert tables.content() in ({"old, old"}, {"first, first"}), where
        elif first_said:
            assert content == {"second, second"}, where
            seen.add("lost")
        elif content == {"first, first"}:
            # It locked the folders after the second had landed.
            assert states == ["none"] or (job_name != "job" and states == ["staging"]), where
        else:
            # It had been noted as landed before, or the second finished its swap first.
            assert content == {"second, second"}, where
            assert states in (["done"], ["none"], ["swapping"]), where
            seen.add("landed")
    assert seen >= {"lost", "landed"}


@pytest.mark.parametrize(("job_name", "real"), [("job", LikeHdfs()), ("other", LocalFileSystem())])
def test_a_first_landing_that_goes_on_within_the_seconds_destroys_nothing(
    tmp_path: Path, job_name: str, real: FileSystem
) -> None:
    """It commits, and gives up or finishes, between two operations of the second one."""
    seen: set[tuple[bool, bool]] = set()
    at, is_over = 0, False
    while not is_over:
        at += 1
        tables = Tables(tmp_path / str(at))
        said: list[str] = []
        first = publication(real, tables.places, "job", DATE, FIRST, look)
        current = first.__enter__()
        for folder in current.staging:
            tables.fill(Path(folder), "first")

        def go_on(
            first: AbstractContextManager[Publication] = first,
            current: Publication = current,
            said: list[str] = said,
        ) -> None:
            try:
                with first_again(first):
                    current.commit()
            except PublishError as error:
                said.append(str(error))

        fs = Interrupted(at, None, go_on, real)
        second_said = tables.land(job_name, fs, SECOND, "second")  # type: ignore[arg-type]
        is_over = not fs.hit
        where = (fs.hit, said, second_said)
        if said and not second_said:
            assert "old data is in place" not in said[0], where
        if second_said:
            for job in {"job", job_name}:
                location = journal_location(tables.places[0].target, job, DATE)
                try:
                    recover(LocalFileSystem(), location, SECOND, look)
                except PublishError as error:
                    # Kept and said, with the data in the folders that it names.
                    assert "unknown" in str(error), where
                    kept = {part.read_text() for part in Path(tmp_path / str(at)).rglob("part-*")}
                    assert "old" in kept, where
                    continue
        content = tables.content()
        if not second_said:
            assert content == {"second, second"}, where
        else:
            assert content in ({"old, old"}, {"first, first"}, {"second, second"}), where
        seen.add((not said, not second_said))
    assert {(True, True), (False, True)} <= seen


class Turns:
    """Two threads of which one runs, until it gives way to the other or is over."""

    def __init__(self) -> None:
        self.turns = {True: threading.Semaphore(0), False: threading.Semaphore(0)}
        self.over: set[bool] = set()

    def give_way(self, *, is_first: bool) -> None:
        if is_first not in self.over:
            self.turns[not is_first].release()
            assert self.turns[is_first].acquire(timeout=60)

    def begin(self, *, is_first: bool) -> None:
        assert self.turns[is_first].acquire(timeout=60)

    def end(self, *, is_first: bool) -> None:
        self.over.add(not is_first)
        self.turns[not is_first].release()


def interleaved(tables: Tables, first_at: list[int], second_at: int) -> tuple[str, str, str, str]:
    """Commit, and give way to a recovery at some operations, as it does at one of its own.

    Return the operation at which the recovery gave way, that at which the landing did last, and
    what both say.
    """
    turns, said = Turns(), ["", ""]
    first = Interrupted(first_at, None, partial(turns.give_way, is_first=True), LikeHdfs())
    second = Interrupted(second_at, None, partial(turns.give_way, is_first=False))
    journal = journal_location(tables.places[0].target, "job", DATE)

    def recovering() -> None:
        turns.begin(is_first=False)
        try:
            said[1] = recover(second, journal, SECOND, look) or ""  # type: ignore[arg-type]
        except PublishError as error:
            said[1] = str(error)
        turns.end(is_first=False)

    thread = threading.Thread(target=recovering)
    thread.start()
    try:
        landing = publication(LikeHdfs(), tables.places, "job", DATE, FIRST, look)
        with landing as current:
            for folder in current.staging:
                tables.fill(Path(folder), "first")
            current._fs = first  # type: ignore[assignment]
            current.commit()
    except PublishError as error:
        said[0] = str(error)
    turns.end(is_first=True)
    thread.join(60)
    assert not thread.is_alive()
    return second.hit, first.hit, said[0], said[1]


def test_two_that_both_go_on_never_delete_the_only_copy(tmp_path: Path) -> None:
    """The landing reads that it has the lock; then the recovery takes it; and both go on."""
    reads = 4
    outcomes: set[bool] = set()
    for again_at in range(reads + 1, reads + 8):
        second_at, where = 0, ("begin", "", "", "")
        while where[0]:
            second_at += 1
            tables = Tables(tmp_path / f"{again_at}-{second_at}", "a")
            where = interleaved(tables, [reads, again_at], second_at)
            outcomes.add(tables.content() in ({"old, old"}, {"first, first"}))
            if where[2].endswith("the old data is in place"):
                assert tables.content() == {"old, old"}, where
            for target in tables.targets:
                parts = sorted(target.parent.rglob("part-*"))
                whole = [text for text in ("old", "first") if text_parts(parts, text) >= 2]
                assert whole, where
                if "old" not in whole:
                    assert tables.content() == {"first, first"}, where
    assert True in outcomes


def text_parts(parts: list[Path], text: str) -> int:
    return sum(part.read_text() == text for part in parts)


@contextmanager
def first_again(first: AbstractContextManager[Publication]) -> Generator[None]:
    """End a context that was entered before."""
    with ExitStack() as stack:
        stack.push(first)
        yield
