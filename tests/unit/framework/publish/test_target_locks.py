"""Two jobs that replace one folder, or one inside the other's, exclude each other."""

from __future__ import annotations

import json
import shutil
import sys
import threading
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from framework.errors import JournalError, LockedError, LockLostError, PublishError
from framework.plan import Place
from framework.publish import lock
from framework.publish.journal import Journal, Move, journal_location, landing_folder
from framework.publish.processes import LockOwner, ProcessInfo
from framework.publish.publication import Publication, publication, recover
from framework.publish.recovery import FileSink, Recovery
from framework.publish.recovery import Job as RecoveredJob
from framework.publish.targets import target_lock
from framework.storage.filesystem import FileSystem
from framework.storage.local import LocalFileSystem
from tests.faulty import FaultyFileSystem, Killed
from tests.links import link

pytestmark = pytest.mark.usefixtures("no_fsync", "other_processes")

DATE = "2024-05-15"
A, B = LockOwner("run-a", "here", 2, 2_000_000), LockOwner("run-b", "here", 3, 3_000_000)
DEAD = LockOwner("run-1", "here", 1, 1_000_000)
FS = LocalFileSystem()


def look(pid: int) -> ProcessInfo | None:
    """Processes 2 and 3 run."""
    return ProcessInfo(pid * 1_000_000) if pid in (2, 3) else None


class KilledInSwap(FaultyFileSystem):
    """The process is killed before the first rename of a swap."""

    def __init__(self) -> None:
        super().__init__(-1, Killed, "before", span=None)
        faulty = self.rename

        def rename(source: str, target: str) -> None:
            self.at = self.count + 1
            faulty(source, target)

        self.rename = rename


class Job:
    """A job that replaces folders with a file of its name."""

    def __init__(self, name: str, owner: LockOwner, *targets: Path, biz_dt: str = DATE) -> None:
        self.name = name
        self.owner = owner
        self.biz_dt = biz_dt
        self.places = [Place(target.as_posix()) for target in targets]
        self.journal = Path(journal_location(self.places[0].target, name, biz_dt))

    def landing(self, fs: FileSystem = FS) -> AbstractContextManager[Publication]:
        return publication(fs, self.places, self.name, self.biz_dt, self.owner, look)

    def stage(self, current: Publication) -> None:
        for folder in current.staging:
            FS.create_exclusive(f"{folder}/part-0.orc", self.name.encode())

    def land(self, fs: FileSystem = FS) -> None:
        with self.landing(fs) as current:
            self.stage(current)
            current.commit()

    def recover(self) -> str | None:
        return recover(FS, self.journal.as_posix(), A, look)


def content(target: Path) -> str:
    return ", ".join(part.read_text() for part in sorted(target.rglob("part-0.orc")))


def locks(root: Path) -> list[Path]:
    return [path for path in root.rglob("_landing") if path.exists()]


def test_two_jobs_of_one_folder_exclude_each_other(tmp_path: Path) -> None:
    target = tmp_path / "out" / f"biz_dt={DATE}"
    one, other = Job("one", A, target), Job("other", B, target)
    with one.landing() as current:
        with pytest.raises(LockedError) as refused:
            other.land()
        text = str(refused.value)
        assert f"{target} is a target of one {DATE} too, being landed by run run-a" in text
        assert "process 2 on here: wait for it or cancel it" in text
        assert not other.journal.parent.exists()
        one.stage(current)
        current.commit()
    assert content(target) == "one"
    other.land()
    assert content(target) == "other"
    assert locks(tmp_path) == []


@pytest.mark.parametrize("spelling", ["out/../out/t", "link/t"])
def test_a_folder_is_one_however_it_is_spelled(tmp_path: Path, spelling: str) -> None:
    (tmp_path / "out").mkdir()
    link(tmp_path / "link", tmp_path / "out")
    one, other = Job("one", A, tmp_path / "out/t"), Job("other", B, tmp_path / spelling)
    with one.landing(), pytest.raises(LockedError, match=f"a target of one {DATE} too"):
        other.land()


def test_a_second_sink_is_locked_too_and_the_first_is_free_again(tmp_path: Path) -> None:
    one = Job("one", A, tmp_path / "a/t", tmp_path / "b/t")
    other, third = Job("other", B, tmp_path / "c/t", tmp_path / "b/t"), tmp_path / "c/t"
    with one.landing():
        # Or b\\t, on Windows.
        with pytest.raises(LockedError, match=rf"b[/\\]t is a target of one {DATE} too"):
            other.land()
        assert locks(tmp_path / "c") == []
        Job("third", B, third).land()
    assert content(third) == "third"
    assert locks(tmp_path) == []


def test_dates_of_one_folder_exclude_each_other(tmp_path: Path) -> None:
    target = tmp_path / "out/Wednesday"
    later = Job("one", B, target, biz_dt="2024-05-22")
    with Job("one", A, target).landing(), pytest.raises(LockedError, match=f"one {DATE} too"):
        later.land()


@pytest.mark.parametrize("is_inner_first", [True, False])
@pytest.mark.parametrize("inner", ["t", "crm/t_customer", f"t/biz_dt={DATE}"])
def test_a_folder_in_the_others_is_locked_with_it(
    tmp_path: Path, inner: str, is_inner_first: bool
) -> None:
    outer = tmp_path / "out" / DATE
    jobs = [Job("outer", A, outer), Job("inner", B, outer / inner)]
    first, second = reversed(jobs) if is_inner_first else jobs
    outer.mkdir(parents=True)
    with first.landing(), pytest.raises(LockedError, match=f"a target of {first.name} {DATE} too"):
        second.land()
    second.land()
    first.land()
    assert (outer / "part-0.orc").read_text() == "outer"
    assert content(outer / inner) == ("inner" if is_inner_first else "")
    assert locks(tmp_path) == []


def test_threads_of_one_process_are_told_whose_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "_held", {})
    one, other = Job("one", A, tmp_path / "out/t"), Job("other", A, tmp_path / "out/t")
    with one.landing(), pytest.raises(LockedError) as refused:
        other.land()
    assert f"a target of one {DATE} too, this process is landing it already" in str(refused.value)


def test_many_at_once_publish_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "_held", {})
    targets = [tmp_path / "out/x", tmp_path / "out/y"]
    gate, landed = threading.Barrier(6), []

    def run(number: int) -> None:
        # Each has the folders in another order, and one of them always wins.
        job = Job(f"job{number}", A, *(targets if number % 2 else reversed(targets)))
        gate.wait()
        try:
            job.land()
        except LockedError:
            return
        landed.append(job.name)

    for _ in range(10):
        threads = [threading.Thread(target=run, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert landed
        assert content(targets[0]) == content(targets[1]) in landed
        left = locks(tmp_path)
        if sys.platform == "win32":
            # It removes no folder that another thread looks at: the next landing does, if empty.
            left = [path for path in left if any(each.is_file() for each in path.rglob("*"))]
        assert left == []
        landed.clear()


def operations(root: Path) -> int:
    fs = FaultyFileSystem(-1, Killed, "before")
    Job("one", A, root / "a/t", root / "b/t").land(fs)
    return fs.count


@pytest.mark.parametrize("first_comes", ["the other job", "recover", "the job itself"])
@pytest.mark.parametrize("with_old", [True, False])
def test_a_landing_that_was_cut_off_is_recovered_before_another_job_replaces_it(
    tmp_path: Path, with_old: bool, first_comes: str
) -> None:
    total = operations(tmp_path / "count")
    seen: set[str] = set()
    for at in range(1, total + 1):
        root = tmp_path / str(at)
        targets = [root / "a/t", root / "b/t"]
        for target in targets if with_old else []:
            FS.create_exclusive((target / "part-0.orc").as_posix(), b"old")
        one, other = Job("one", DEAD, *targets), Job("other", B, targets[1])
        fs = FaultyFileSystem(at, Killed, "before", span=None)
        with pytest.raises(Killed):
            one.land(fs)
        if first_comes == "recover":
            one.recover()
        elif first_comes == "the job itself":
            replace_owner(one, A).land()
        other.land()
        assert content(targets[1]) == "other", fs.hit
        # The journal was finished or rolled back first: whatever comes later finds none.
        one.recover()
        assert content(targets[1]) == "other", fs.hit
        seen.add(content(targets[0]))
        assert locks(root) == [], fs.hit
    before = "old" if with_old else ""
    assert seen == ({"one"} if first_comes == "the job itself" else {before, "one"})


def replace_owner(job: Job, owner: LockOwner) -> Job:
    return Job(job.name, owner, *(Path(place.target) for place in job.places))


def test_a_job_of_the_version_before_is_seen_by_its_journal(tmp_path: Path) -> None:
    """It was cut off between its two renames, and has no lock but its journal."""
    target = tmp_path / "out" / f"biz_dt={DATE}"
    work = Path(landing_folder(target.as_posix(), "one", DATE)) / "run-1"
    move = Move(*(f"{work.as_posix()}{each}" for each in ("", "/new-0", "/old-0")), "", True)
    move = replace(move, target=target.as_posix())
    for name in ("new-0", "old-0"):
        FS.create_exclusive(f"{work.as_posix()}/{name}/part-0.orc", name.encode())
    journal = Journal("one", DATE, DEAD, "swapping", (move,))
    location = journal_location(target.as_posix(), "one", DATE)
    FS.create_exclusive(location, journal.encode())
    living = replace(journal, owner=A)
    FS.write_atomic(location, living.encode())
    other = Job("other", B, target)
    with pytest.raises(LockedError, match="being landed by run run-a"):
        other.land()
    assert not target.exists()
    FS.write_atomic(location, journal.encode())
    other.land()
    assert content(target) == "other"
    assert locks(tmp_path) == []


def test_journals_of_other_folders_are_nobodys_concern(tmp_path: Path) -> None:
    day = tmp_path / "out" / DATE
    damaged = Path(journal_location((day / "b").as_posix(), "damaged", DATE))
    damaged.parent.mkdir(parents=True)
    damaged.write_text('{"version": 99}')
    with Job("one", A, day / "a").landing():
        Job("other", B, day / "b").land()
    assert content(day / "b") == "other"
    assert damaged.exists()


def test_a_lock_that_was_taken_over_keeps_its_landing_from_publishing(tmp_path: Path) -> None:
    target = tmp_path / "out/t"
    one = Job("one", A, target)
    held = Path(target_lock(target.as_posix()))

    def lose() -> None:
        with one.landing() as current:
            one.stage(current)
            other = Journal(".targets", "t", B.with_token(), landing="../../other/d/journal.json")
            held.write_bytes(other.encode())
            current.commit()

    with pytest.raises(LockLostError, match="run run-b"):
        lose()
    assert not target.exists()
    # The other's lock stays; its own journal is gone.
    assert held.exists()
    assert not one.journal.exists()


def test_a_lock_on_another_host_names_the_job_to_recover(tmp_path: Path) -> None:
    target = tmp_path / "out/t"
    one, other = Job("one", replace(A, host="there"), target), Job("other", B, target)
    with one.landing(), pytest.raises(LockedError) as refused:
        other.land()
    assert f"`orch recover other --biz-dt {DATE} --gone there`" in str(refused.value)


ELSEWHERE = LockOwner("run-x", "there", 9, 9_000_000)


def recovered(root: Path, job_name: str, path: str, gone: str = "") -> list[tuple[str, str]]:
    """What `orch recover` says of a job with one sink."""
    recovery = Recovery(FS, root.as_posix(), A, look, None, frozenset(filter(None, [gone])))
    columns = () if "{" in path else ("biz_dt",)
    job = RecoveredJob(job_name, (FileSink(path, columns),))
    return [(each.outcome, each.text) for each in recovery.findings(job)]


def left_behind(root: Path, job: Job) -> None:
    """What a landing leaves that was killed before its swap, seen by a copy of its data root."""
    with job.landing() as current:
        job.stage(current)
        shutil.copytree(root, root.with_name("copy"))


@pytest.mark.parametrize(
    ("path", "target"),
    [("out/t", f"out/t/biz_dt={DATE}"), ("out/{biz_dt:%Y%m%d}_t", "out/20240515_t")],
)
def test_the_lock_of_a_renamed_job_is_settled_by_the_job_that_lands_there(
    tmp_path: Path, path: str, target: str
) -> None:
    """Its owner was on a host that is gone."""
    first = tmp_path / "first" / target
    first.mkdir(parents=True)
    (first / "part-0.orc").write_text("old")
    left_behind(tmp_path / "first", Job("old_name", ELSEWHERE, first))
    root, folder = tmp_path / "copy", tmp_path / "copy" / target
    assert Path(target_lock(folder.as_posix())).exists()
    ((outcome, text),) = recovered(root, "new_name", path)
    assert outcome == "held"
    assert f"{folder} is a target of old_name {DATE} too" in text
    assert f"`orch recover new_name --biz-dt {DATE} --gone there`" in text
    assert recovered(root, "new_name", path, gone="there") == [
        ("recovered", f"old_name {DATE}: rolled back, its old data is in place")
    ]
    assert content(folder) == "old"
    assert not list(root.rglob("_landing"))
    assert recovered(root, "new_name", path) == []


def test_a_swap_of_a_removed_job_is_finished_by_the_job_that_lands_there(tmp_path: Path) -> None:
    folder = tmp_path / f"out/t/biz_dt={DATE}"
    removed = Job("removed", ELSEWHERE, folder)
    with pytest.raises(Killed):
        removed.land(KilledInSwap())
    assert recovered(tmp_path, "one", "out/t", gone="there") == [
        ("recovered", f"removed {DATE}: rolled forward, its new data is in place")
    ]
    assert content(folder) == "removed"
    assert not list(tmp_path.rglob("_landing"))


def test_a_lock_alone_is_released_and_one_of_a_running_landing_is_not(tmp_path: Path) -> None:
    folder = tmp_path / f"out/t/biz_dt={DATE}"
    running = Job("other", B, folder)
    with running.landing() as current:
        running.stage(current)
        ((outcome, text),) = recovered(tmp_path, "one", "out/t", gone="here")
        assert (outcome, "being landed by run run-b" in text) == ("held", True)
        # The journal is lost, and its owner with it.
        saved = Path(target_lock(folder.as_posix())).read_text().replace("run-b", "run-1")
        current.commit()
    lock_file = Path(target_lock(folder.as_posix()))
    lock_file.parent.mkdir(parents=True)
    document = json.loads(saved)
    document["owner"]["pid"], document["owner"]["token"] = 1, "t"
    lock_file.write_text(json.dumps(document))
    assert recovered(tmp_path, "one", "out/t") == [
        (
            "recovered",
            f"{folder.as_posix()}: a lock of other {DATE} was left; the lock is released",
        )
    ]
    assert not list(tmp_path.rglob("_landing"))
    assert content(folder) == "other"


@pytest.mark.parametrize("biz_dt", [None, DATE])
@pytest.mark.parametrize(
    ("left", "path"),
    [
        (f"out/{DATE}", "out/{biz_dt}/t"),
        (f"out/{DATE}", "out/{biz_dt}/deep/er/t"),
        (f"out/{DATE}/t", "out/{biz_dt}"),
        (f"out/{DATE}/t/deep", "out/{biz_dt}"),
    ],
)
def test_locks_around_and_inside_are_settled_as_a_landing_would(
    tmp_path: Path, left: str, path: str, biz_dt: str | None
) -> None:
    """The landing that left one is of a job that was removed since."""
    folder = tmp_path / left
    with pytest.raises(Killed):
        Job("removed", ELSEWHERE, folder).land(KilledInSwap())
    held = target_lock(folder.as_posix())
    recovery = Recovery(FS, tmp_path.as_posix(), A, look, biz_dt, frozenset({"there"}))
    found = [*recovery.findings(RecoveredJob("one", (FileSink(path, ()),)))]
    if biz_dt is None and "/t" in left:
        # Folders inside are looked at for one date, as it takes a listing of each.
        assert found == []
        assert Path(held).exists()
        return
    assert [each.text for each in found] == [
        f"removed {DATE}: rolled forward, its new data is in place"
    ]
    assert content(folder) == "removed"
    assert not list(tmp_path.rglob("_landing"))


def test_locks_of_other_folders_are_left_to_their_jobs(tmp_path: Path) -> None:
    first = tmp_path / "first"
    left_behind(first, Job("other", ELSEWHERE, first / "out" / "20240515_u"))
    root = tmp_path / "copy"
    assert recovered(root, "one", "out/{biz_dt:%Y%m%d}_t", gone="there") == []
    assert Path(target_lock((root / "out" / "20240515_u").as_posix())).exists()


def test_what_cannot_be_recovered_keeps_the_folder_locked(tmp_path: Path) -> None:
    target = tmp_path / "out/t"
    one, other = Job("one", DEAD, target), Job("other", B, target)
    with pytest.raises(Killed):
        one.land(KilledInSwap())
    one.journal.write_text('{"version": 99}')
    before = one.journal.read_bytes()
    for _ in range(2):
        with pytest.raises(PublishError, match="version is 99"):
            other.land()
    assert one.journal.read_bytes() == before
    assert Path(target_lock(target.as_posix())).exists()


def test_a_lock_in_a_copied_folder_leads_to_the_journal_of_the_copy(tmp_path: Path) -> None:
    root, copy = tmp_path / "data", tmp_path / "copy"
    one = Job("one", DEAD, root / "a/t", root / "b/t")
    with pytest.raises(Killed):
        one.land(KilledInSwap())
    before = sorted(path for path in root.rglob("*"))
    shutil.copytree(root, copy)
    Job("other", B, copy / "b/t").land()
    assert content(copy / "b/t") == "other"
    assert sorted(path for path in root.rglob("*")) == before


@pytest.mark.parametrize("landing", ["/j", "../../x.json", "../../one/2024-05-15/other.json"])
def test_a_lock_that_leads_to_no_journal_is_refused(tmp_path: Path, landing: str) -> None:
    target = tmp_path / "out/t"
    with Job("one", B, target).landing():
        at = Path(target_lock(target.as_posix()))
        text = at.read_text()
    document = json.loads(text)
    document["landing"] = landing
    at.parent.mkdir(parents=True)
    at.write_text(json.dumps(document))
    with pytest.raises(JournalError, match="the lock leads to"):
        Job("other", B, target).land()
