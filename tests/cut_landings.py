"""Landings upon a disk that forgets, cut off at every change, and what has to be true then."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from unittest.mock import patch

from framework.plan import Place
from framework.publish.journal import FOLDER, TARGETS
from framework.publish.processes import LockOwner, ProcessInfo, ProcessProbe
from framework.publish.publication import publication
from framework.publish.recovery import FileSink, Finding, Job, Recovery
from framework.storage.local import LocalFileSystem
from tests.power_loss import ForgetfulDisk, Killed, Tree

JOB, DATE, NEIGHBOUR = "job", "2024-05-15", "2024-05-14"
# The processes by their turn.
FIRST, SECOND, LAST = 11, 12, 13


class BrokenPromise(AssertionError):
    """A date is not whole, or what was said of it is not true."""


@dataclass(frozen=True)
class Shape:
    """Where a job lands.

    Attributes:
        sinks: As in its context_params.
        targets: The folders of the date.
        below: Its folder in what Spark writes, if it makes one.
        has_old: Whether the date has landed before.
    """

    sinks: tuple[FileSink, ...]
    targets: tuple[str, ...]
    below: str = ""
    has_old: bool = True

    @property
    def neighbours(self) -> tuple[str, ...]:
        return tuple(target.replace(DATE, NEIGHBOUR) for target in self.targets)


_TABLES = Shape(
    tuple(FileSink(path, ("biz_dt",)) for path in ("out/a", "out/b")),
    tuple(f"{path}/biz_dt={DATE}" for path in ("out/a", "out/b")),
    below=f"biz_dt={DATE}",
)
SHAPES = {
    "two tables": _TABLES,
    "the first date of two tables": replace(_TABLES, has_old=False),
    "two folders side by side": Shape(
        (FileSink("out/{biz_dt}_a", ()), FileSink("out/{biz_dt}_b", ())),
        (f"out/{DATE}_a", f"out/{DATE}_b"),
    ),
}


def part_names() -> tuple[str, ...]:
    """Two files, so that a half date shows."""
    return ("part-0", "part-1")


def content(tree: Tree, folders: Iterable[str]) -> str:
    """What folders hold: one text if they are whole and alike."""
    found: set[str] = set()
    for folder in folders:
        inside = {path: data for path, data in tree.items() if path.startswith(f"{folder}/")}
        parts = [inside.get(f"{folder}/{name}") for name in part_names()]
        if folder not in tree:
            found.add("absent")
        elif len(inside) != len(parts):
            found.add(f"{len(inside)} files")
        else:
            found |= {repr(part) if part is None else part.decode("latin-1") for part in parts}
    return " and ".join(sorted(found))


@dataclass
class Proof:
    """Lands, cuts and recovers one shape.

    Attributes:
        root: The data root, on the disk.
        shape: Where the job lands.
        dropped: A flush to leave out.
        all_of: Of how many unflushed changes all subsets are tried.
        counts: How much was tried.
    """

    root: Path
    shape: Shape
    dropped: str | None = None
    all_of: int = 7
    counts: Counter[str] = field(default_factory=Counter)
    _recovered: dict[frozenset[tuple[str, bytes | None]], str] = field(default_factory=dict)

    def summary(self) -> str:
        """What was tried, in a line."""
        return ", ".join(f"{number} {what}" for what, number in sorted(self.counts.items()))

    def contents(self) -> set[str]:
        """What the date held after the recoveries."""
        return set(self._recovered.values())

    @property
    def before(self) -> str:
        """What the date holds at first."""
        return "old" if self.shape.has_old else "absent"

    def disk(self, tree: Tree | None = None, stop_at: int | None = None) -> ForgetfulDisk:
        """A disk after a start of the machine; by default the first one."""
        return ForgetfulDisk(
            self.root, self._first() if tree is None else tree, self.dropped, stop_at
        )

    def land(self, disk: ForgetfulDisk, text: str, pid: int = FIRST) -> int:
        """Land the date; the number of the change after which it is to stay."""
        owner = _process(pid)
        places = [
            Place((self.root / target).as_posix(), self.shape.below)
            for target in self.shape.targets
        ]
        fs = LocalFileSystem(disk)
        with _tokens(pid), publication(fs, places, JOB, DATE, owner, _only(pid)) as current:
            for staging in current.staging:
                self._stage(disk, staging, text)
            current.commit()
            committed = disk.changes
        return committed

    def recover(self, disk: ForgetfulDisk, pid: int = LAST) -> list[Finding]:
        """What `orch recover` does, and says."""
        owner = _process(pid)
        recovery = Recovery(LocalFileSystem(disk), self.root.as_posix(), owner, _only(pid))
        with _tokens(pid):
            findings = list(recovery.findings(Job(JOB, self.shape.sinks)))
        return findings

    def check_recovered(self, disk: ForgetfulDisk, pid: int = LAST) -> str:
        """Recover, and check what there is and what is said; the content of the date."""
        findings = self.recover(disk, pid)
        tree = disk.tree()
        found = content(tree, self.shape.targets)
        told = "; ".join(f"{finding.outcome}: {finding.text}" for finding in findings)
        self._require(found in {self.before, "new", "next"}, f"{found}, told: {told}")
        self._require(all(f.outcome == "recovered" for f in findings), told)
        if "its new data is in place" in told:
            self._require(found != self.before, f"{found}, told: {told}")
        if "its old data is in place" in told:
            self._require(found not in {"absent", "next"}, f"{found}, told: {told}")
        self._check_rest(tree)
        self._require(self.recover(disk) == [], "a second recovery had something to do")
        return found

    def check_tree(self, tree: Tree) -> str:
        """What is left by a cut is recovered by `orch recover`, and by the next landing."""
        key = frozenset(tree.items())
        if key not in self._recovered:
            self.counts["disk states"] += 1
            self._recovered[key] = self.check_recovered(self.disk(tree))
            disk = self.disk(tree)
            self.land(disk, "next", LAST)
            found = content(disk.tree(), self.shape.targets)
            self._require(found == "next", f"{found} after the next landing")
            self._check_rest(disk.tree(), is_landed=True)
        return self._recovered[key]

    def check_cuts(self, disk: ForgetfulDisk, first: int, *allowed: tuple[int, set[str]]) -> None:
        """Cut after each change from the first; what is allowed from which change on."""
        for number, tree in disk.after_cuts(first, self.all_of):
            self.counts["cuts"] += 1
            may_be = [texts for start, texts in allowed if start <= number][-1]
            found = self.check_tree(tree)
            self._require(found in may_be, f"{found} after a cut at {number}, not {may_be}")

    def cut_landing(self) -> list[Tree]:
        """One cut: of a landing, at every change. The states that it leaves."""
        disk = self.disk()
        committed = self.land(disk, "new")
        self._check_rest(disk.tree(), is_landed=True)
        self.check_cuts(disk, 0, (0, {self.before, "new"}), (committed, {"new"}))
        return [dict(key) for key in self._recovered]

    def cut_twice(self) -> None:
        """Two cuts, the second in the recovery or the landing after the first."""
        for tree in self.cut_landing():
            disk = self.disk(tree)
            found = self.check_recovered(disk, SECOND)
            self.check_cuts(disk, 0, (0, {found}))
            disk = self.disk(tree)
            committed = self.land(disk, "next", SECOND)
            self.check_cuts(disk, 0, (0, {found, "next"}), (committed, {"next"}))

    def kill_and_cut(self, before: str = "") -> None:
        """A kill at every change, and a cut in the recovery or the landing after it.

        Args:
            before: Kill only before the flushes of this method of the file system.
        """
        for killed, disk in self._killed(before):
            start = disk.changes
            found = self.check_recovered(disk, SECOND)
            self.check_cuts(disk, start, (0, {self.before, found}), (disk.changes, {found}))
            disk = self._killed_at(killed)
            committed = self.land(disk, "next", SECOND)
            allowed = {self.before, "new", "next"}
            self.check_cuts(disk, start, (0, allowed), (committed, {"next"}))

    def _killed(self, before: str) -> Iterator[tuple[int, ForgetfulDisk]]:
        disk = self.disk()
        self.land(disk, "new")
        flushes = [number for number, name in disk.flushes() if name.startswith(before)]
        for number in flushes if before else range(disk.changes):
            self.counts["kills"] += 1
            yield number, self._killed_at(number)

    def _killed_at(self, number: int) -> ForgetfulDisk:
        disk = self.disk(stop_at=number)
        with suppress(Killed):
            self.land(disk, "new")
        disk.stop_at = None
        disk.grow_old()
        return disk

    def _check_rest(self, tree: Tree, *, is_landed: bool = False) -> None:
        found = content(tree, self.shape.neighbours)
        self._require(found == "neighbour", f"the neighbour holds {found}")
        own = (*self.shape.targets, *self.shape.neighbours)
        rest = [p for p in tree if not any(f"{o}/".startswith(f"{p}/") or o in p for o in own)]
        if not is_landed:
            # A target's lock, or its empty folder, may stay until the target's next landing.
            locks = {p for p in rest if f"/{FOLDER}/{TARGETS}/" in f"{p}/" or p.endswith(FOLDER)}
            rest = [path for path in rest if path not in locks]
        self._require(not rest, f"left over: {rest}")

    def _require(self, is_true: bool, text: str) -> None:
        if not is_true:
            raise BrokenPromise(text)

    def _first(self) -> Tree:
        tree: dict[str, bytes | None] = {}
        filled = [(folder, b"neighbour") for folder in self.shape.neighbours]
        if self.shape.has_old:
            filled += [(folder, b"old") for folder in self.shape.targets]
        for folder, text in filled:
            tree |= {path.as_posix(): None for path in Path(folder).parents[:-1]}
            tree |= {folder: None} | {f"{folder}/{name}": text for name in part_names()}
        return tree

    def _stage(self, disk: ForgetfulDisk, staging: str, text: str) -> None:
        """Write as Spark does, which flushes nothing."""
        folder = Path(staging)
        disk.make_folder(folder.as_posix())
        for name in Path(self.shape.below).parts:
            folder /= name
            disk.make_folder(folder.as_posix())
        for name in part_names():
            with disk.open(f"{folder.as_posix()}/{name}", "xb") as file:
                disk.write(file, text.encode())


@contextmanager
def _tokens(pid: int) -> Generator[None]:
    """Let what is random be the same each time, so that one state of a disk is tried once."""
    numbers = itertools.count(1)
    with patch("secrets.token_hex", lambda size: f"{pid:x}{next(numbers):0{2 * size - 1}x}"):
        yield


def _process(pid: int) -> LockOwner:
    return LockOwner(f"run-{pid}", "here", pid, pid * 1_000_000)


def _only(pid: int) -> ProcessProbe:
    """All others are gone."""
    return lambda other: ProcessInfo(pid * 1_000_000) if other == pid else None
