from __future__ import annotations

import contextlib
import hashlib
import os
import re
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from framework.contract.native_paths import with_native_paths
from framework.contract.paths import parent
from framework.errors import JournalError, LockedError, PublishError
from framework.plan import Place
from framework.publish import lock, swap
from framework.publish.decoding import decode
from framework.publish.journal import Journal, Move, journal_location
from framework.publish.lock import OwnerCheck
from framework.publish.processes import LockOwner, ProcessInfo
from framework.publish.publication import publication, recover
from framework.storage.filesystem import FileSystem
from framework.storage.local import LocalFileSystem
from tests.faulty import FaultyFileSystem, Killed
from tests.links import link

pytestmark = pytest.mark.usefixtures("no_fsync")

JOB, DATE = "job", "2024-05-15"
ME = LockOwner("run-2", "here", 2, 2_000_000)
DEAD = LockOwner("run-1", "here", 1, 1_000_000)


def look(pid: int) -> ProcessInfo | None:
    """Only process 2 runs."""
    return ProcessInfo(2_000_000) if pid == 2 else None


class Tables:
    """Two tables partitioned by date, in two folders, both with the date and a neighbour."""

    def __init__(self, root: Path, *, with_old: bool = True) -> None:
        self.roots = [root / "a", root / "b"]
        for table in self.roots:
            self.fill(table / "biz_dt=2024-05-14", "neighbour")
            if with_old:
                self.fill(table / f"biz_dt={DATE}", "old")
        self.places = [
            Place((table / f"biz_dt={DATE}").as_posix(), f"biz_dt={DATE}") for table in self.roots
        ]
        self.journal = journal_location(self.places[0].target, JOB, DATE)

    @staticmethod
    def fill(folder: Path, text: str) -> None:
        folder.mkdir(parents=True)
        for part in range(2):
            (folder / f"part-{part}").write_text(text)

    def land(
        self,
        fs: FileSystem,
        owner: LockOwner,
        text: str = "new",
        *,
        sinks: int = 2,
        error: Exception | None = None,
    ) -> None:
        with publication(fs, self.places, JOB, DATE, owner, look) as current:
            for folder in current.staging[:sinks]:
                self.fill(Path(folder) / f"biz_dt={DATE}", text)
            if error:
                raise error
            current.commit()

    def content(self) -> set[str]:
        """What the date holds in both tables; a half one or a mix shows as several texts."""
        texts: set[str] = set()
        for table in self.roots:
            folder = table / f"biz_dt={DATE}"
            parts = sorted(folder.glob("part-*"))
            texts |= {part.read_text() for part in parts} if len(parts) == 2 else {"absent"}
        return texts

    def after_recovery(self, before: str) -> set[str]:
        """What the journal promises for the date."""
        journal = Path(self.journal)
        if not journal.exists():
            return self.content()
        try:
            state = decode(journal.read_bytes(), journal.as_posix()).state
        except ValueError:
            return {before}
        return {before if state in ("staging", "reverting") else "new"}

    def leftovers(self) -> list[str]:
        names = {f"biz_dt={DATE}", "biz_dt=2024-05-14"}
        return [str(p) for table in self.roots for p in table.iterdir() if p.name not in names]

    def neighbours(self) -> set[str]:
        return {
            part.read_text()
            for table in self.roots
            for part in (table / "biz_dt=2024-05-14").iterdir()
        }


def operations(root: Path, *, with_old: bool = True) -> int:
    fs = FaultyFileSystem(-1, Killed, "before")
    Tables(root / "count", with_old=with_old).land(fs, ME)
    return fs.count


def each_fault(
    root: Path, error: type[BaseException], when: str, *, span: int | None, with_old: bool = True
) -> list[tuple[Tables, FaultyFileSystem]]:
    """Return a fresh pair of tables and a file system for every operation that can fail."""
    total = operations(root, with_old=with_old)
    assert total > 15
    return [
        (
            Tables(root / f"at{at}", with_old=with_old),
            FaultyFileSystem(at, error, when, span=span),
        )
        for at in range(1, total + 1)
    ]


def test_replaces_the_date_in_every_sink_and_leaves_nothing_behind(tmp_path: Path) -> None:
    tables = Tables(tmp_path)
    tables.land(LocalFileSystem(), ME)
    assert tables.content() == {"new"}
    assert tables.leftovers() == []
    assert tables.neighbours() == {"neighbour"}


@pytest.mark.parametrize("when", ["before", "after", "torn"])
@pytest.mark.parametrize("with_old", [True, False])
def test_a_kill_at_any_operation_is_recovered_to_old_or_new_whole(
    tmp_path: Path, when: str, with_old: bool
) -> None:
    before = "old" if with_old else "absent"
    seen: set[str] = set()
    for tables, fs in each_fault(tmp_path, Killed, when, span=None, with_old=with_old):
        with pytest.raises(Killed):
            tables.land(fs, DEAD)
        journal = Path(tables.journal)
        if when == "torn" and journal.exists():
            os.utime(journal, (0, 0))
        expected = tables.after_recovery(before)
        recover(LocalFileSystem(), tables.journal, ME, look)
        content = tables.content()
        assert content == expected, fs.hit
        seen |= content
        assert tables.neighbours() == {"neighbour"}
        assert tables.leftovers() == [], fs.hit
        tables.land(LocalFileSystem(), ME, "third")
        assert tables.content() == {"third"}
        assert tables.leftovers() == [], fs.hit
    assert seen == {before, "new"}


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_kill_during_recovery_is_recovered_too(tmp_path: Path, when: str) -> None:
    total = operations(tmp_path)
    for first in range(1, total + 1):
        for second in range(1, 12):
            tables = Tables(tmp_path / f"{first}-{second}")
            with pytest.raises(Killed):
                tables.land(FaultyFileSystem(first, Killed, when, span=None), DEAD)
            fs = FaultyFileSystem(second, Killed, when, span=None)
            try:
                recover(fs, tables.journal, replace(DEAD, run_id="run-x", pid=3), look)
            except Killed:
                recover(LocalFileSystem(), tables.journal, ME, look)
            assert tables.content() in ({"old"}, {"new"}), (first, fs.hit)
            assert tables.leftovers() == [], (first, fs.hit)


def failure(tables: Tables, fs: FileSystem, owner: LockOwner = ME) -> str:
    """Land, and return the PublishError's text or ''."""
    try:
        tables.land(fs, owner)
    except PublishError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_single_failure_leaves_old_data_and_no_staging_or_has_landed(
    tmp_path: Path, when: str
) -> None:
    outcomes: set[str] = set()
    for tables, fs in each_fault(tmp_path, OSError, when, span=1):
        problem = failure(tables, fs)
        expected = "old" if problem else "new"
        assert "unknown" not in problem, fs.hit
        assert tables.content() == {expected}, fs.hit
        outcomes.add(expected)
        tables.land(LocalFileSystem(), ME, "third")
        assert tables.content() == {"third"}
        assert tables.leftovers() == [], fs.hit
    assert outcomes == {"old", "new"}


def test_a_file_system_that_stays_away_in_the_swap_gives_unknown_and_keeps_the_old_data(
    tmp_path: Path,
) -> None:
    unknown = 0
    for tables, fs in each_fault(tmp_path, OSError, "before", span=None):
        unknown += "unknown whether published" in failure(tables, fs)
        recover(LocalFileSystem(), tables.journal, ME, look)
        assert tables.content() in ({"old"}, {"new"}), fs.hit
    assert unknown >= 4


@pytest.mark.parametrize("span", [2, 3, 4])
def test_an_outage_that_passes_never_costs_the_only_copy(tmp_path: Path, span: int) -> None:
    unknown = 0
    for tables, fs in each_fault(tmp_path, OSError, "before", span=span):
        unknown += "unknown whether published" in failure(tables, fs)
        expected = tables.after_recovery("old")
        recover(LocalFileSystem(), tables.journal, ME, look)
        assert tables.content() == expected, fs.hit
        assert tables.content() in ({"old"}, {"new"}), fs.hit
    assert unknown >= 4


def test_a_kill_while_a_failed_swap_is_undone_keeps_the_old_data(tmp_path: Path) -> None:
    undoing = 0
    total = operations(tmp_path)
    for first in range(1, total + 1):
        for second in range(first + 1, total + 6):
            tables = Tables(tmp_path / f"{first}-{second}")
            fs = FaultyFileSystem(first, OSError, "before", killed_at=second)
            try:
                failure(tables, fs, DEAD)
            except Killed:
                journal = Path(tables.journal)
                undoing += (
                    journal.exists()
                    and decode(journal.read_bytes(), journal.as_posix()).state == "reverting"
                )
            expected = tables.after_recovery("old")
            recover(LocalFileSystem(), tables.journal, ME, look)
            assert tables.content() == expected, (first, second)
            assert tables.content() in ({"old"}, {"new"}), (first, second)
    assert undoing >= 4


def test_a_kill_after_a_failure_that_took_effect_leaves_old_or_new_whole(tmp_path: Path) -> None:
    """As an HDFS call that times out although the server has done it; then the process dies."""
    total = operations(tmp_path)
    for first in range(1, total + 1):
        for second in range(first + 1, total + 6):
            tables = Tables(tmp_path / f"{first}-{second}")
            fs = FaultyFileSystem(first, OSError, "after", killed_at=second)
            with contextlib.suppress(Killed):
                failure(tables, fs, DEAD)
            expected = tables.after_recovery("old")
            recover(LocalFileSystem(), tables.journal, ME, look)
            assert tables.content() == expected, (first, second)
            assert tables.content() in ({"old"}, {"new"}), (first, second)


def test_an_outage_after_a_failure_that_took_effect_leaves_old_or_new_whole(tmp_path: Path) -> None:
    for tables, fs in each_fault(tmp_path, OSError, "after", span=None):
        failure(tables, fs)
        expected = tables.after_recovery("old")
        recover(LocalFileSystem(), tables.journal, ME, look)
        assert tables.content() == expected, fs.hit
        assert tables.content() in ({"old"}, {"new"}), fs.hit


def test_a_landing_that_cannot_be_prepared_keeps_no_lock(tmp_path: Path) -> None:
    tables = Tables(tmp_path)
    in_the_way = tables.roots[1] / "_landing"
    in_the_way.write_text("a file where a folder is wanted")
    with pytest.raises(PublishError, match="can't prepare the landing"):
        tables.land(LocalFileSystem(), ME)
    assert not Path(tables.journal).exists()
    in_the_way.unlink()
    assert tables.leftovers() == []


def test_a_folder_that_cannot_be_made_is_not_taken_for_a_lock(tmp_path: Path) -> None:
    tables = Tables(tmp_path)
    link(tables.roots[0] / "_landing", tmp_path / "not mounted")
    with pytest.raises(PublishError, match=r"can't prepare the landing.*_landing"):
        tables.land(LocalFileSystem(), ME)


def test_data_stays_whose_age_is_unknown_as_the_other_is_lost(tmp_path: Path) -> None:
    tables = Tables(tmp_path)
    target = tables.places[0].target
    work = f"{parent(tables.journal)}/run-1"
    move = Move(work, f"{work}/new-0", f"{work}/old-0", target, had_target=True)
    left_by(tables, DEAD, state="reverting", moves=(move,))
    there = re.escape(str(Path(target)))
    with pytest.raises(JournalError, match=f"reverting, but {there} exists, .*new-0 is missing"):
        recover(LocalFileSystem(), tables.journal, ME, look)
    assert Path(target, "part-0").read_text() == "old"
    with pytest.raises(FileNotFoundError, match=r"the old data is gone: .*old-0"):
        swap.revert(LocalFileSystem(), (move,))
    assert Path(target, "part-0").read_text() == "old"


def test_an_error_of_the_caller_leaves_old_data_and_no_staging(tmp_path: Path) -> None:
    tables = Tables(tmp_path)
    with pytest.raises(ZeroDivisionError):
        tables.land(LocalFileSystem(), ME, error=ZeroDivisionError())
    assert tables.content() == {"old"}
    assert tables.leftovers() == []


def test_a_sink_for_which_nothing_was_staged_is_not_published(tmp_path: Path) -> None:
    tables = Tables(tmp_path)
    with pytest.raises(PublishError, match=r"nothing was staged at .*new-1"):
        tables.land(LocalFileSystem(), ME, sinks=1)
    assert tables.content() == {"old"}
    assert tables.leftovers() == []


def left_by(tables: Tables, owner: LockOwner, **changes: object) -> None:
    journal = replace(Journal(JOB, DATE, owner), **changes)  # type: ignore[arg-type]
    LocalFileSystem().create_exclusive(tables.journal, journal.encode())


def test_a_running_owner_is_named_and_nothing_is_touched(tmp_path: Path) -> None:
    tables = Tables(tmp_path)
    left_by(tables, replace(ME, run_id="run-9"))
    before = Path(tables.journal).read_bytes()
    with pytest.raises(LockedError, match="run run-9, process 2 on here"):
        tables.land(LocalFileSystem(), replace(ME, pid=4))
    assert Path(tables.journal).read_bytes() == before
    assert tables.content() == {"old"}


def test_an_owner_on_another_host_is_refused_with_what_to_do(tmp_path: Path) -> None:
    tables = Tables(tmp_path)
    left_by(tables, LockOwner("run-1", "there", 1, 1, "application_7"))
    with pytest.raises(LockedError) as refused:
        tables.land(LocalFileSystem(), ME)
    text = str(refused.value)
    assert with_native_paths(tables.journal) in text
    for fact in ("there", "process 1", "yarn application -status application_7"):
        assert fact in text
    assert tables.content() == {"old"}


@pytest.mark.parametrize(
    ("owner", "is_taken"),
    [
        (LockOwner("run-1", "here", 2, 2_000_000 + 1_900), False),  # clock rounding
        (LockOwner("run-1", "here", 2, 2_000_000 - 60_000), True),  # the pid was used again
        (LockOwner("run-1", "here", 2, None), False),
        (LockOwner("run-1", "here", 7, 2_000_000), True),
    ],
)
def test_an_owner_is_its_pid_and_its_start(
    tmp_path: Path, owner: LockOwner, is_taken: bool
) -> None:
    tables = Tables(tmp_path)
    left_by(tables, owner)
    me = replace(ME, pid=4)
    if is_taken:
        tables.land(LocalFileSystem(), me)
        assert tables.content() == {"new"}
    else:
        with pytest.raises(LockedError):
            tables.land(LocalFileSystem(), me)


def test_a_fresh_unreadable_journal_is_not_broken(tmp_path: Path) -> None:
    tables = Tables(tmp_path)
    LocalFileSystem().create_exclusive(tables.journal, b'{"version": 1, "sta')
    with pytest.raises(LockedError, match="unreadable"):
        tables.land(LocalFileSystem(), ME)


def test_threads_of_one_process_exclude_each_other(tmp_path: Path) -> None:
    tables = Tables(tmp_path)
    started, results = threading.Barrier(8), []
    inside = threading.Lock()

    def run() -> None:
        started.wait()
        try:
            with publication(LocalFileSystem(), tables.places, JOB, DATE, ME, look):
                assert inside.acquire(blocking=False), "two landings at once"
                time.sleep(0.05)
                inside.release()
                results.append("landed")
        except LockedError:
            results.append("refused")

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8
    assert "landed" in results
    assert "refused" in results


def test_one_of_many_takes_over_a_dead_owner(tmp_path: Path) -> None:
    """Eight processes (eight pids, as far as the lock can tell) meet a dead owner's journal."""

    def running(pid: int) -> ProcessInfo | None:
        return ProcessInfo(5) if pid >= 10 else None

    for round_ in range(20):
        tables = Tables(tmp_path / str(round_))
        left_by(tables, DEAD)
        gate, won = threading.Barrier(8), []

        def run(
            pid: int,
            tables: Tables = tables,
            gate: threading.Barrier = gate,
            won: list[int] = won,
        ) -> None:
            me = LockOwner(f"run-{pid}", "here", pid, 5)
            gate.wait()
            try:
                lock._acquire(
                    LocalFileSystem(),
                    tables.journal,
                    Journal(JOB, DATE, me),
                    OwnerCheck(me, running),
                )
                won.append(pid)
            except LockedError:
                pass

        threads = [threading.Thread(target=run, args=(pid,)) for pid in range(10, 18)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(won) == 1
        assert decode(Path(tables.journal).read_bytes(), tables.journal).owner.pid == won[0]


def test_a_late_look_at_a_dead_takers_claim_never_breaks_a_living_one(tmp_path: Path) -> None:
    """A judges the dead claim; before it acts, B judges it too and takes the journal over."""
    tables = Tables(tmp_path)
    left_by(tables, DEAD)
    dead_taker = Journal(JOB, DATE, LockOwner("run-3", "here", 3, 5))
    probe = hashlib.sha256(Path(tables.journal).read_bytes()).hexdigest()[:12]
    claim = f"{tables.journal}.takeover-{probe}"
    Path(claim).write_bytes(dead_taker.encode())
    b = Journal(JOB, DATE, LockOwner("run-11", "here", 11, 5))

    def running(pid: int) -> ProcessInfo | None:
        return ProcessInfo(5) if pid >= 10 else None

    class Slow(LocalFileSystem):
        others = 1

        def read_head(self, location: str, size_bytes: int) -> bytes:
            data = super().read_head(location, size_bytes)
            if location == claim and self.others:
                self.others -= 1
                lock._acquire(LocalFileSystem(), tables.journal, b, OwnerCheck(b.owner, running))
            return data

    a = Journal(JOB, DATE, LockOwner("run-10", "here", 10, 5))
    with pytest.raises(LockedError, match="run-11"):
        lock._acquire(Slow(), tables.journal, a, OwnerCheck(a.owner, running))
    assert decode(Path(tables.journal).read_bytes(), tables.journal).owner == b.owner
    assert list(Path(tables.journal).parent.iterdir()) == [Path(tables.journal)]


def test_a_claim_that_was_never_written_is_passed(tmp_path: Path) -> None:
    """Its taker was killed between its creation and its write."""
    tables = Tables(tmp_path)
    left_by(tables, DEAD)
    digest = hashlib.sha256(Path(tables.journal).read_bytes()).hexdigest()[:12]
    claim = Path(f"{tables.journal}.takeover-{digest}")
    claim.touch()
    os.utime(claim, (0, 0))
    tables.land(LocalFileSystem(), ME)
    assert tables.content() == {"new"}
    assert tables.leftovers() == []


def test_who_waited_for_the_takeover_finds_the_new_owner(tmp_path: Path) -> None:
    tables = Tables(tmp_path)
    left_by(tables, DEAD)
    winner = Journal(JOB, DATE, LockOwner("run-9", "here", 2, 2_000_000))

    class Slow(LocalFileSystem):
        def create_exclusive(self, location: str, data: bytes) -> None:
            if ".takeover-" in location:
                self.write_atomic(tables.journal, winner.encode())
            super().create_exclusive(location, data)

    with pytest.raises(LockedError, match="run-9"):
        tables.land(Slow(), replace(ME, pid=4))
    assert decode(Path(tables.journal).read_bytes(), tables.journal) == winner


def test_half_a_journal_update_is_cleared_away_with_it(tmp_path: Path) -> None:
    tables = Tables(tmp_path)

    class Full(LocalFileSystem):
        def write_atomic(self, location: str, data: bytes) -> None:
            Path(location + ".tmp").write_bytes(data[:9])
            raise OSError("no space left")

    with pytest.raises(PublishError, match="old data is in place: no space left"):
        tables.land(Full(), ME)
    assert tables.content() == {"old"}
    assert tables.leftovers() == []


def test_recover_says_what_it_did(tmp_path: Path) -> None:
    tables = Tables(tmp_path)
    assert recover(LocalFileSystem(), tables.journal, ME, look) is None
    left_by(tables, DEAD)
    done = recover(LocalFileSystem(), tables.journal, ME, look)
    assert done == "job 2024-05-15: rolled back, it had not moved anything"
