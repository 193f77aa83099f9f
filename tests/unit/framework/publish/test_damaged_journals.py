"""Journals that are damaged, of another version or of another place, beside folders in any state.

Whatever can't be obeyed is refused, in the landing and in `orch recover`: nothing is moved, deleted
or claimed that nobody looked at.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from framework.contract.paths import join
from framework.errors import JournalError, LockedError, PublishError
from framework.plan import Place
from framework.publish.decoding import MAX_BYTES
from framework.publish.journal import Journal, Move, State, landing_folder
from framework.publish.processes import LockOwner, ProcessInfo
from framework.publish.publication import publication, recover
from framework.publish.recovery import FileSink, Finding, Job, Recovery
from framework.storage.local import LocalFileSystem
from tests.links import link

pytestmark = pytest.mark.usefixtures("no_fsync")

JOB, DATE = "etl_lnd_ins_sys_t", "2024-05-15"
DAY = f"biz_dt={DATE}"
ME = LockOwner("orch recover", "here", 2, 2_000_000)
DEAD = LockOwner("run-1", "here", 1, 1_000_000)
TABLES = ("out/t", "out/u")

DISKS = ("before", "between", "after")


def look(pid: int) -> ProcessInfo | None:
    return ProcessInfo(2_000_000) if pid == 2 else None


class Disk:
    """Two tables of a job, and what a landing of the date left beside them."""

    def __init__(self, root: Path, disk: str | None, state: State = "swapping") -> None:
        self.root = root
        self.fs = LocalFileSystem()
        self.moves = tuple(
            self._move(root / table / DAY, number) for number, table in enumerate(TABLES)
        )
        self.roots = (root.as_posix(),)
        self.journal = Path(f"{self.moves[0].work}/../journal.json").resolve()
        self.journal.parent.mkdir(parents=True)
        for move in self.moves:
            fill(Path(move.target).parent / "biz_dt=2024-05-14", "neighbour")
            if disk != "between":
                fill(Path(move.target), "new" if disk == "after" else "old")
            if disk in ("before", "between"):
                fill(Path(move.new), "new")
            if disk in ("between", "after"):
                fill(Path(move.old), "old")
        self.content = Journal(JOB, DATE, DEAD, state, self.moves, self.roots).encode()
        self.write(self.content)

    @staticmethod
    def _move(target: Path, number: int) -> Move:
        work = join(landing_folder(target.as_posix(), JOB, DATE), "run-1")
        old = join(work, f"old-{number}")
        return Move(work, join(work, f"new-{number}", DAY), old, target.as_posix(), had_target=True)

    def write(self, content: bytes) -> None:
        self.journal.write_bytes(content)
        os.utime(self.journal, (0, 0))

    def tree(self) -> dict[str, bytes]:
        files = (path for path in self.root.rglob("*") if path.is_file())
        return {path.relative_to(self.root).as_posix(): path.read_bytes() for path in files}

    def dates(self) -> list[str]:
        """What the date holds in each table."""
        return [content(Path(move.target)) for move in self.moves]

    def recover(self) -> str | None:
        return recover(self.fs, self.journal.as_posix(), ME, look, roots=self.roots)

    def land(self) -> None:
        base = self.root.as_posix()
        places = [Place(move.target, DAY, base) for move in self.moves]
        with publication(self.fs, places, JOB, DATE, ME, look) as current:
            for folder in current.staging:
                fill(Path(folder) / DAY, "next")
            current.commit()

    def findings(self) -> list[Finding]:
        sinks = tuple(FileSink(table, ("biz_dt",)) for table in TABLES)
        return list(Recovery(self.fs, self.root.as_posix(), ME, look).findings(Job(JOB, sinks)))

    def refusals(self) -> list[str]:
        """Try all that meets a journal; return what each says, having changed nothing."""
        before = self.tree()
        said: list[str] = []
        for attempt in (self.recover, self.land):
            with pytest.raises(JournalError) as refused:
                attempt()
            said.append(str(refused.value))
        (finding,) = self.findings()
        assert (finding.biz_dt, finding.outcome) == (DATE, "failed")
        said.append(finding.text)
        assert self.tree() == before
        for text in said:
            assert "is unknown what an earlier landing has done" in text
            assert str(self.journal) in text
            assert "is in place" not in text
            assert len(text) < 2_500
        return said


def fill(folder: Path, text: str) -> None:
    folder.mkdir(parents=True)
    for part in range(2):
        (folder / f"part-{part}").write_text(text)


def content(folder: Path) -> str:
    parts = sorted(folder.glob("part-*"))
    texts = {part.read_text() for part in parts}
    return texts.pop() if len(parts) == 2 and len(texts) == 1 else f"{len(parts)} files"


def changed(content: bytes, *path: str | int, value: object) -> bytes:
    """The journal with another value at a path of keys."""
    document = json.loads(content)
    part = document
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    return json.dumps(document).encode()


def without(content: bytes, *path: str) -> bytes:
    document = json.loads(content)
    part = document
    for key in path[:-1]:
        part = part[key]
    del part[path[-1]]
    return json.dumps(document).encode()


WRONG: tuple[Any, ...] = (None, True, -1, 1.5, 10**40, "", "a\nb", "\ud800", [], [1], {}, {"a": 1})
FIELDS: tuple[tuple[str | int, ...], ...] = (
    ("version",), ("job_name",), ("biz_dt",), ("state",), ("moves",), ("owner",),
    ("owner", "pid"), ("owner", "host"), ("owner", "run_id"),
    ("moves", 0), ("moves", 1, "target"), ("moves", 0, "new"), ("moves", 0, "old"),
    ("moves", 0, "work"),
)  # fmt: skip
# Of these, the value is a possible one.
POSSIBLE = {("owner", "host"): ("",), ("owner", "run_id"): ("",)}


def damaged(good: bytes) -> Iterator[tuple[bytes, str]]:
    """Yield contents, each with what is said of it."""
    for value in WRONG:
        for field in FIELDS:
            yield changed(good, *field, value=value), "journal"
        yield changed(good, "moves", 0, "had_target", value=0), "had_target"
    for version in (0, -1, "1", True, None, 2.0):
        yield changed(good, "version", value=version), "version"
    for version in (3, 99, 10**30):
        yield changed(good, "version", value=version), f"version is {version}, and this framework"
    for key in ("version", "owner", "state", "moves", "job_name", "biz_dt"):
        yield without(good, key), key
    for key in ("run_id", "pid", "host"):
        yield without(good, "owner", key), f"no {key}"
    for path in ((), ("owner",), ("moves", 0)):
        yield changed(good, *path, "invented", value=1), "'invented', which a newer version wrote"
    for state in ("swapped", "SWAPPING", "staging "):
        yield changed(good, "state", value=state), f"state is '{state}', which is unknown"
    for state in ("swapping", "reverting", "done"):
        nothing = changed(good, "state", value=state)
        yield changed(nothing, "moves", value=[]), f"state is {state}, and it has no moves"
    for text in ("[]", "[{}]", "null", "0", '"journal"', "true", "NaN", "-Infinity", "1e999"):
        yield text.encode(), "damaged"
    yield good.replace(b'"pid": 1', b'"pid": NaN'), "NaN"
    yield good.replace(b'"pid": 1', b'"pid": 1, "pid": 1'), "twice"
    yield good.replace(b'"pid": 1', b'"pid": ' + b"9" * 9_999), "damaged"
    yield b"[" * 100_000, "damaged"
    yield b'{"version":' * 50_000, "damaged"
    yield good + b" " * MAX_BYTES, f"more than {MAX_BYTES} bytes"
    for junk in (b"", bytes(len(good)), b"\xff\xfe" + good, b"\xef\xbb\xbf" + good, b"x" + good,
                 good + good, good.decode().encode("utf-16"), os.urandom(300)):  # fmt: skip
        yield junk, "damaged"


@pytest.mark.parametrize("disk", DISKS)
def test_a_damaged_journal_is_refused_and_nothing_changes(tmp_path: Path, disk: str) -> None:
    left = Disk(tmp_path, disk)
    count = 0
    for content, problem in damaged(left.content):
        if any(
            content == changed(left.content, *field, value=value)
            for field, values in POSSIBLE.items()
            for value in values
        ):
            continue
        left.write(content)
        for text in left.refusals():
            assert problem in text, content[:200]
        count += 1
    assert count > 200


@pytest.mark.parametrize(
    ("disk", "state", "step"),
    [("between", "swapping", 1), ("before", "staging", 13), ("after", "swapping", 17)],
)
def test_one_that_is_cut_off_anywhere_beside_folders_of_a_landing_is_refused(
    tmp_path: Path, disk: str, state: State, step: int
) -> None:
    left = Disk(tmp_path, disk, state)
    before = left.tree()
    for size in range(0, len(left.content), step):
        left.write(left.content[:size])
        with pytest.raises(JournalError, match=r"damaged.*(run-1|swapping)"):
            left.recover()
    left.write(left.content[: size // 2])
    left.refusals()
    left.write(left.content)
    assert left.tree() == before


def test_one_that_is_cut_off_with_nothing_beside_it_had_moved_nothing(tmp_path: Path) -> None:
    left = Disk(tmp_path, None, "staging")
    for size in range(0, len(left.content), 7):
        left.journal.parent.mkdir(parents=True, exist_ok=True)
        left.write(left.content[:size])
        assert left.recover() == f"{JOB} {DATE}: rolled back, it had not moved anything"
        assert not left.journal.exists()
    left.journal.parent.mkdir(parents=True)
    left.write(left.content[:20])
    assert left.dates() == ["old", "old"]
    left.land()
    assert left.dates() == ["next", "next"]
    assert not list(tmp_path.rglob("_landing"))


def test_one_that_is_cut_off_tells_of_a_swap_though_nothing_lies_beside_it(tmp_path: Path) -> None:
    left = Disk(tmp_path, None)
    left.write(left.content[:-1])
    for text in left.refusals():
        assert "the journal is damaged; its state was 'swapping'" in text


def test_one_that_is_cut_off_is_refused_where_folders_lie_beside_the_other_sink(
    tmp_path: Path,
) -> None:
    left = Disk(tmp_path, None, "staging")
    fill(Path(left.moves[1].old), "perhaps the only copy")
    left.write(left.content[:20])
    left_there = re.escape(str(Path(left.moves[1].work)))
    with pytest.raises(JournalError, match=f"damaged, and a landing left {left_there}"):
        left.land()
    recovered, failed = left.findings()
    assert recovered.outcome == "recovered"
    assert (failed.outcome, "its state is unknown" in failed.text) == ("failed", True)
    assert content(Path(left.moves[1].old)) == "perhaps the only copy"


def test_folders_that_a_journal_without_moves_does_not_name_are_named(tmp_path: Path) -> None:
    """As where `orch recover` was killed over a folder without its journal."""
    left = Disk(tmp_path, "between")
    left.write(Journal(JOB, DATE, DEAD).encode())
    first, *others = left.findings()
    assert first.text.endswith(f"not moved anything; {left.moves[0].work} of another landing stays")
    assert {finding.outcome for finding in others} == {"failed"}
    assert content(Path(left.moves[0].old)) == "old"


@pytest.mark.parametrize("state", ["staging", "swapping", "reverting", "done"])
@pytest.mark.parametrize("had_target", [True, False])
@pytest.mark.parametrize("exist", [*itertools.product([True, False], repeat=3)])
def test_what_is_said_is_what_lies_there(
    tmp_path: Path, state: State, had_target: bool, exist: tuple[bool, bool, bool]
) -> None:
    """Every state beside every combination of target, new and old."""
    left = Disk(tmp_path, None)
    move = replace(left.moves[0], had_target=had_target)
    shutil.rmtree(move.target)
    names = ("target", "new", "old")
    for path, text, is_there in zip((move.target, move.new, move.old), names, exist, strict=True):
        if is_there:
            fill(Path(path), text)
    left.write(Journal(JOB, DATE, DEAD, state, (move,), left.roots).encode())
    before = left.tree()
    target = Path(move.target)
    try:
        said = left.recover()
    except JournalError as error:
        assert f"the journal's state is {state}, but {target} " in str(error)
        # It has a new owner.
        after = left.tree()
        assert {*after.items()} ^ {*before.items()} <= {
            (left.journal.relative_to(tmp_path).as_posix(), each)
            for each in (left.journal.read_bytes(), left.content, *before.values())
        }
        return
    assert said is not None
    if "new data is in place" in said:
        assert content(target) == ("new" if exist[1] else "target")
    elif "old data is in place" in said:
        assert content(target) == ("old" if exist[2] else "target")
    else:
        assert said.endswith(f"rolled back, and as before it there is no {target.as_posix()}")
        assert not target.exists()
        assert not had_target
    assert not list(tmp_path.rglob("run-1"))


def test_a_copy_is_recovered_in_the_copy(tmp_path: Path) -> None:
    original = Disk(tmp_path / "data", "between")
    before = original.tree()
    copy = tmp_path / "backups" / "of today" / "data"
    shutil.copytree(original.root, copy)
    sinks = tuple(FileSink(table, ("biz_dt",)) for table in TABLES)
    recovery = Recovery(LocalFileSystem(), copy.as_posix(), ME, look)
    (finding,) = recovery.findings(Job(JOB, sinks))
    assert finding.text == f"{JOB} {DATE}: rolled forward, its new data is in place"
    assert [content(copy / table / DAY) for table in TABLES] == ["new", "new"]
    assert not list(copy.rglob("_landing"))
    assert original.tree() == before
    assert original.recover() == finding.text
    assert original.dates() == ["new", "new"]


def test_a_copy_of_one_table_does_not_reach_for_the_others(tmp_path: Path) -> None:
    original = Disk(tmp_path / "data", "between")
    copy = tmp_path / "copy" / "out" / "t"
    shutil.copytree(original.root / "out/t", copy)
    before = original.tree()
    recovery = Recovery(LocalFileSystem(), (tmp_path / "copy").as_posix(), ME, look)
    (finding,) = recovery.findings(Job(JOB, (FileSink("out/t", ("biz_dt",)),)))
    assert finding.outcome == "failed"
    missing = tmp_path / "copy/out/u" / DAY
    assert f"state is swapping, but {missing} is missing" in finding.text
    assert content(copy / "_landing" / JOB / DATE / "run-1" / "old-0") == "old"
    assert original.tree() == before


def of_the_version_before(left: Disk) -> bytes:
    document = json.loads(left.content)
    moves = [asdict(move) for move in left.moves]
    return json.dumps(document | {"version": 1, "moves": moves}, indent=1).encode()


@pytest.mark.parametrize("disk", DISKS)
def test_one_of_the_version_before_is_obeyed_where_it_was_written_only(
    tmp_path: Path, disk: str
) -> None:
    left = Disk(tmp_path / "data", disk)
    left.write(of_the_version_before(left))
    shutil.copytree(left.root, tmp_path / "copy")
    before = left.tree()
    copied = Recovery(LocalFileSystem(), (tmp_path / "copy").as_posix(), ME, look)
    sinks = tuple(FileSink(table, ("biz_dt",)) for table in TABLES)
    (finding,) = copied.findings(Job(JOB, sinks))
    assert finding.outcome == "failed"
    written_at = left.journal.parent
    assert f"the journal was written at '{written_at}' and copied or moved to" in finding.text
    assert "its state is swapping" in finding.text
    assert left.tree() == before
    assert left.recover() == f"{JOB} {DATE}: rolled forward, its new data is in place"
    assert left.dates() == ["new", "new"]


OUTSIDE = ("/tmp/elsewhere/biz_dt=2024-05-15", "s3a://b/t", "../../../../../../x", "/")
NOT_OF_IT = (
    "../../../biz_dt=2024-05-14", "../../../_landing", "../../../../v/x", ".", "..", "journal.json",
)  # fmt: skip


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("path", [*OUTSIDE, *NOT_OF_IT])
def test_a_move_of_what_is_not_the_landings_is_refused(
    tmp_path: Path, place: int, path: str
) -> None:
    left = Disk(tmp_path / "data", "between")
    left.write(changed(left.content, "moves", place, "target", value=path))
    for text in left.refusals():
        assert "its state is swapping" in text
        if place and path in OUTSIDE:
            assert "leads outside of the data root and of the job's sinks" in text


@pytest.mark.parametrize("name", ["work", "new", "old"])
@pytest.mark.parametrize("path", [*OUTSIDE, ".", "..", "run-1/../../x", "run-1/old-0/x", "run-2"])
def test_a_move_by_way_of_other_folders_is_refused(tmp_path: Path, name: str, path: str) -> None:
    left = Disk(tmp_path / "data", "between")
    left.write(changed(left.content, "moves", 0, name, value=path))
    if name == "new" and path == "run-1/old-0/x":
        path = "run-1/old-0"
        left.write(changed(left.content, "moves", 0, name, value=path))
    left.refusals()


def test_a_move_twice_is_refused(tmp_path: Path) -> None:
    left = Disk(tmp_path, "between")
    document = json.loads(left.content)
    document["moves"][1] = document["moves"][0]
    left.write(json.dumps(document).encode())
    assert "moves a folder twice" in left.refusals()[0]


def test_one_of_another_date_or_job_is_refused(tmp_path: Path) -> None:
    left = Disk(tmp_path, "between")
    for key, value in (("biz_dt", "2024-05-14"), ("job_name", "another")):
        left.write(changed(left.content, key, value=value))
        assert f"{value}" in left.refusals()[0]


class TestSinkOutsideOfTheDataRoot:
    """Its paths are absolute, since it is not copied along."""

    @staticmethod
    def landing(root: Path, outside: Path) -> tuple[list[Place], Journal]:
        targets = [root / "out/t" / DAY, outside / DAY]
        moves = tuple(Disk._move(target, number) for number, target in enumerate(targets))
        for move in moves:
            fill(Path(move.new), "new")
            fill(Path(move.old), "old")
        base = root.as_posix()
        roots = (base, outside.as_posix())
        journal = Journal(JOB, DATE, DEAD, "swapping", moves, roots)
        file = Path(moves[0].work).parent / "journal.json"
        file.write_bytes(journal.encode())
        return [Place(target.as_posix(), DAY, base) for target in targets], journal

    def test_is_recovered_where_the_journal_was_written(self, tmp_path: Path) -> None:
        self.landing(tmp_path / "data", tmp_path / "else" / "u")
        sinks = (FileSink("out/t", ("biz_dt",)), FileSink(f"{tmp_path}/else/u", ("biz_dt",)))
        recovery = Recovery(LocalFileSystem(), (tmp_path / "data").as_posix(), ME, look)
        (finding,) = recovery.findings(Job(JOB, sinks))
        assert finding.text == f"{JOB} {DATE}: rolled forward, its new data is in place"
        assert content(tmp_path / "else/u" / DAY) == "new"

    def test_is_not_moved_for_a_copy_nor_if_it_is_no_sink_any_more(self, tmp_path: Path) -> None:
        places, _ = self.landing(tmp_path / "data", tmp_path / "else" / "u")
        shutil.copytree(tmp_path / "data", tmp_path / "copy")
        sinks = (FileSink("out/t", ("biz_dt",)), FileSink(f"{tmp_path}/else/u", ("biz_dt",)))
        recovery = Recovery(LocalFileSystem(), (tmp_path / "copy").as_posix(), ME, look)
        (finding,) = recovery.findings(Job(JOB, sinks))
        assert finding.outcome == "failed"
        assert "copied or moved to" in finding.text
        with (
            pytest.raises(JournalError, match="outside of the data root and of the job's sinks"),
            publication(LocalFileSystem(), places[:1], JOB, DATE, ME, look),
        ):
            pass
        assert not (tmp_path / "else/u" / DAY).exists()


def test_a_landing_writes_no_absolute_path(tmp_path: Path) -> None:
    left = Disk(tmp_path, "before")
    assert tmp_path.as_posix().encode() not in left.content


def test_a_claim_is_none_of_the_landings_folders(tmp_path: Path) -> None:
    """A taker that died while it wrote its claim hinders no other."""
    import hashlib

    left = Disk(tmp_path, "between")
    digest = hashlib.sha256(left.content).hexdigest()[:12]
    claim = left.journal.with_name(f"journal.json.takeover-{digest}")
    claim.write_bytes(b'{"version": 2, "job')
    with pytest.raises(LockedError, match="start the job again in a minute"):
        left.recover()
    os.utime(claim, (0, 0))
    assert left.recover() == f"{JOB} {DATE}: rolled forward, its new data is in place"


@pytest.mark.parametrize(
    "make",
    [
        Path.mkdir,
        pytest.param(
            lambda path: os.mkfifo(path),
            marks=pytest.mark.skipif(os.name == "nt", reason="Windows has no such pipes"),
        ),
        lambda path: link(path, path),
    ],
    ids=["folder", "pipe", "loop"],
)
def test_one_that_is_not_a_file_fails_in_a_sentence(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    left = Disk(tmp_path, "between")
    left.journal.unlink()
    make(left.journal)
    for attempt in (left.recover, left.land):
        with pytest.raises(PublishError, match=r"journal\.json"):
            attempt()
    assert content(Path(left.moves[0].old)) == "old"
