"""Whose a lock is: which owners count as gone, and what a landing does that lost its own."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from framework.errors import LockedError, LockLostError, PublishError
from framework.plan import Place
from framework.publish import lock
from framework.publish.decoding import decode
from framework.publish.journal import Journal, journal_location
from framework.publish.lock import OwnerCheck
from framework.publish.processes import LockOwner, ProcessInfo, psutil_probe, this_process
from framework.publish.publication import Publication, publication, recover
from framework.storage.local import LocalFileSystem

pytestmark = pytest.mark.usefixtures("no_fsync")

JOB, DATE = "job", "2024-05-15"
MACHINE, CONTAINER = "pid:[4026531836] time:[4026531834]", "pid:[4026532201] time:[4026531834]"
ME = LockOwner("run-2", "here", 2, 2_000_000, None, 20_000, "boot-1", MACHINE, "m")
OTHER = LockOwner("run-1", "here", 3, 3_000_000, None, 30_000, "boot-1", MACHINE, "m")
# Of the version before.
LEGACY = LockOwner("run-1", "here", 3, 3_000_000)


def look(pid: int) -> ProcessInfo | None:
    """Processes 2 and 3 run."""
    return ProcessInfo(pid * 1_000_000, pid * 100.0, pid * 10_000) if pid in (2, 3) else None


class Table:
    """A date of a table, with old data."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "t" / f"biz_dt={DATE}"
        self.place = Place(self.folder.as_posix())
        self.journal = Path(journal_location(self.place.target, JOB, DATE))
        self.fill(self.folder, "old")

    @staticmethod
    def fill(folder: Path, text: str) -> None:
        folder.mkdir(parents=True)
        for part in range(2):
            (folder / f"part-{part}").write_text(text)

    def content(self) -> list[str]:
        return [part.read_text() for part in sorted(self.folder.iterdir())]

    def held_by(self, owner: LockOwner) -> bytes:
        """Leave a journal of that owner, as another landing does; return its content."""
        self.journal.parent.mkdir(parents=True, exist_ok=True)
        self.journal.write_bytes(Journal(JOB, DATE, owner).encode())
        return self.journal.read_bytes()

    def read(self) -> Journal:
        return decode(self.journal.read_bytes(), self.journal.as_posix())

    def land(self, me: LockOwner = ME, step: Callable[[Publication], None] | None = None) -> None:
        fs = LocalFileSystem()
        with publication(fs, [self.place], JOB, DATE, me, look) as current:
            self.fill(Path(current.staging[0]), "new")
            counted = {folder: fs.content(folder) for folder in current.staging}
            if step:
                step(current)
            current.commit(counted)


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return Table(tmp_path)


LIVING = {
    "itself": OTHER,
    "the clock was set by 2.5 s": replace(OTHER, started_ms=3_002_500),
    "the clock was set by a day": replace(OTHER, started_ms=3_000_000 + 86_400_000),
    "another container": replace(OTHER, namespace=CONTAINER, pid=7),
    "another container, the same pid": replace(OTHER, namespace=CONTAINER, started_ticks=1),
    "another namespace of time": replace(OTHER, namespace="pid:[4026531836] time:[1]", pid=7),
    "another machine of the same name": replace(OTHER, boot_id="boot-9", machine="n", pid=7),
    "a container elsewhere": replace(OTHER, boot_id="boot-9", namespace=CONTAINER, pid=7),
    "another host": replace(OTHER, host="there", pid=7),
    "of the version before": LEGACY,
    "of the version before, rounded": replace(LEGACY, started_ms=3_001_900),
    "with an unknown start": replace(OTHER, started_ms=None, started_ticks=None),
}
GONE = {
    "ended": replace(OTHER, pid=7),
    "the pid was used again at once": replace(OTHER, started_ticks=29_999),
    "the machine was booted since": replace(OTHER, boot_id="boot-0"),
    "the version before, ended": replace(LEGACY, pid=7),
    "the version before, the pid was used again": replace(LEGACY, started_ms=1),
}


@pytest.mark.parametrize("owner", LIVING.values(), ids=list(LIVING))
def test_an_owner_that_may_live_keeps_its_lock(table: Table, owner: LockOwner) -> None:
    before = table.held_by(owner)
    with pytest.raises(LockedError, match=f"process {owner.pid} on {owner.host}"):
        table.land()
    with pytest.raises(LockedError):
        recover(LocalFileSystem(), table.journal.as_posix(), ME, look)
    assert table.journal.read_bytes() == before
    assert table.content() == ["old", "old"]


@pytest.mark.parametrize("owner", GONE.values(), ids=list(GONE))
def test_an_owner_that_is_gone_is_recovered_first(table: Table, owner: LockOwner) -> None:
    table.held_by(owner)
    table.land()
    assert table.content() == ["new", "new"]
    assert not table.journal.exists()


def test_a_container_of_this_name_is_gone_when_somebody_says_so(table: Table) -> None:
    table.held_by(replace(OTHER, namespace=CONTAINER))
    with pytest.raises(LockedError, match="from here: another container") as refused:
        table.land()
    assert f"`orch recover {JOB} --biz-dt {DATE} --gone here`" in str(refused.value)
    done = recover(LocalFileSystem(), table.journal.as_posix(), ME, look, {"here"})
    assert done is not None
    # What can be looked up is not believed.
    table.held_by(OTHER)
    with pytest.raises(LockedError, match="being landed by"):
        recover(LocalFileSystem(), table.journal.as_posix(), ME, look, {"here"})


def test_this_process_names_its_boot_its_namespace_and_its_start() -> None:
    me = this_process("run", psutil_probe)
    assert (me.host, me.pid) == (socket.gethostname(), os.getpid())
    assert me.is_running(psutil_probe)
    if os.path.exists("/proc/self/ns/pid"):  # noqa: PTH110
        assert me.started_ticks
        assert me.boot_id
        assert me.namespace
        assert me.namespace.startswith("pid:[")
        assert not replace(me, started_ticks=me.started_ticks - 1).is_running(psutil_probe)
        assert replace(me, started_ms=1).is_running(psutil_probe)
    assert me.reach_from(me) == "here"
    assert decode(
        Journal(JOB, DATE, me.with_token()).encode(), f"/{JOB}/{DATE}/journal.json"
    ).owner.same_process(me)


def test_each_landing_has_a_token_and_folders_of_its_own(tmp_path: Path) -> None:
    table, seen = Table(tmp_path), set[str]()

    def note(current: Publication) -> None:
        owner = table.read().owner
        assert owner.token
        seen.add(owner.token)
        assert owner.token.startswith(Path(current.staging[0]).parent.name)

    for _ in range(2):
        table.land(step=note)
    assert len(seen) == 2


def test_a_landing_that_lost_its_lock_publishes_nothing(table: Table) -> None:
    """Half of the staged files are gone with it, as the taker removed what it found."""
    taken = b""

    def lose(current: Publication) -> None:
        nonlocal taken
        taken = table.held_by(OTHER.with_token())
        (Path(current.staging[0]) / "part-1").unlink()

    with pytest.raises(LockLostError, match="lost its lock to run run-1, process 3 on here"):
        table.land(step=lose)
    assert table.content() == ["old", "old"]
    assert table.journal.read_bytes() == taken
    # Its own folder is gone, the other's journal is not.
    assert [path.name for path in table.journal.parent.iterdir()] == ["journal.json"]


@pytest.mark.parametrize("left", ["nothing", "no journal", "a field more"])
def test_a_journal_that_names_nobody_is_a_lost_lock(table: Table, left: str) -> None:
    def lose(_: Publication) -> None:
        if left == "nothing":
            table.journal.unlink()
        else:
            table.journal.write_bytes(b"{" if left == "no journal" else b"{}")

    with pytest.raises(LockLostError):
        table.land(step=lose)
    assert table.content() == ["old", "old"]
    assert table.journal.exists() is (left != "nothing")


class Losing(LocalFileSystem):
    """The lock is taken over just before the state is noted that `state` names."""

    def __init__(self, table: Table, state: str) -> None:
        super().__init__()
        self.table = table
        self.state = state

    def read_bytes(self, location: str) -> bytes:
        if location == self.table.journal.as_posix() and self._is_time():
            self.taken = self.table.held_by(OTHER.with_token())
        return super().read_bytes(location)

    def _is_time(self) -> bool:
        if not self.table.journal.exists() or hasattr(self, "taken"):
            return False
        now = self.table.read().state
        return now == {"done": "swapping", "released": "done"}.get(self.state)


@pytest.mark.parametrize(
    ("state", "says"), [("done", "unknown whether published"), ("released", "")]
)
def test_a_lock_that_is_lost_later_is_left_to_who_has_it(
    table: Table, state: str, says: str, caplog: pytest.LogCaptureFixture
) -> None:
    fs = Losing(table, state)
    said = ""
    try:
        with publication(fs, [table.place], JOB, DATE, ME, look) as current:
            table.fill(Path(current.staging[0]), "new")
            current.commit()
    except PublishError as error:
        said = str(error)
    assert says in said
    assert bool(says) == bool(said)
    assert table.content() == ["new", "new"]
    assert table.journal.read_bytes() == fs.taken
    kept = [path for path in table.journal.parent.rglob("part-*") if path.read_text() == "old"]
    # Only who has the lock may remove the old data, unless the new was noted as landed.
    assert len(kept) == (2 if state == "done" else 0)
    assert says or "lost its lock" in caplog.text


@pytest.mark.parametrize("change", ["a file less", "a file more", "a file longer"])
def test_staged_files_are_counted_again(table: Table, change: str) -> None:
    def meddle(current: Publication) -> None:
        part = Path(current.staging[0]) / "part-1"
        if change == "a file less":
            part.unlink()
        else:
            target = part if change == "a file longer" else part.with_name("part-2")
            target.write_text("more")

    with pytest.raises(PublishError, match="held 2 files of 6 bytes when it was checked, and now"):
        table.land(step=meddle)
    assert table.content() == ["old", "old"]
    assert not table.journal.exists()


class ReplyLost(LocalFileSystem):
    """The journal is created, and the reply to that is lost; `meanwhile` comes before a check."""

    def __init__(self, meanwhile: Callable[[], None] | None = None, *, dead: bool = False) -> None:
        super().__init__()
        self.meanwhile = meanwhile
        self.dead = dead

    def create_exclusive(self, location: str, data: bytes) -> None:
        super().create_exclusive(location, data)
        if location.endswith("journal.json"):
            if self.meanwhile:
                self.meanwhile()
            raise OSError("no reply")

    def read_bytes(self, location: str) -> bytes:
        if self.dead:
            raise OSError("no reply to the check either")
        return super().read_bytes(location)


def acquire(table: Table, fs: LocalFileSystem, me: LockOwner = ME) -> Journal:
    mine = Journal(JOB, DATE, me.with_token())
    return lock._acquire(fs, table.journal.as_posix(), mine, OwnerCheck(mine.owner, look))


def test_a_creation_without_a_reply_is_withdrawn(table: Table) -> None:
    with pytest.raises(OSError, match="no reply"):
        acquire(table, ReplyLost())
    assert not table.journal.exists()


def test_a_creation_without_a_reply_withdraws_no_lock_of_another(table: Table) -> None:
    taken: list[bytes] = []
    fs = ReplyLost(lambda: taken.append(table.held_by(OTHER.with_token())))
    with pytest.raises(OSError, match="no reply"):
        acquire(table, fs)
    assert table.journal.read_bytes() == taken[0]


def test_a_creation_that_cannot_be_checked_is_kept_and_said(
    table: Table, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(OSError, match="no reply"):
        acquire(table, ReplyLost(dead=True))
    assert table.read().owner.same_process(ME)
    assert "may have been created, and is kept" in caplog.text
    # Nobody else's while this process lives; its own again at once.
    with pytest.raises(LockedError, match="run-2"):
        acquire(table, LocalFileSystem(), OTHER)
    table.land()
    assert table.content() == ["new", "new"]


def test_a_creation_that_was_tried_twice_is_not_taken_for_anothers(table: Table) -> None:
    """The client asks a second time, and the server knows the file from the first."""

    class Twice(LocalFileSystem):
        def create_exclusive(self, location: str, data: bytes) -> None:
            super().create_exclusive(location, data)
            super().create_exclusive(location, data)

    assert acquire(table, Twice()).owner.token == table.read().owner.token


@pytest.mark.parametrize(("state", "is_refused"), [("over", False), ("live", True)])
def test_yarn_judges_an_owner_that_only_its_application_tells(
    table: Table, state: str, is_refused: bool
) -> None:
    asked: list[str | None] = []

    def ask(application_id: str | None) -> str:
        asked.append(application_id)
        return state

    check = OwnerCheck(ME, look, ask=ask)  # type: ignore[arg-type]
    owner = replace(OTHER, host="node-3", pid=7, application_id="application_1_1")
    location, journal = table.journal.as_posix(), Journal(JOB, DATE, owner)
    if is_refused:
        with pytest.raises(LockedError, match=r"being landed by .*application_1_1: wait for it"):
            check.refuse_if_held(location, journal)
    else:
        check.refuse_if_held(location, journal)
    assert asked == ["application_1_1"]
    # One that runs here is judged by its process.
    check.refuse_if_held(location, Journal(JOB, DATE, replace(OTHER, pid=7)))
    assert asked == ["application_1_1"]
