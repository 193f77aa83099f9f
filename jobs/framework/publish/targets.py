"""Lock the folders that a landing replaces, against every other job of every home.

The journal keeps apart the landings of one job and date. So that no two jobs replace one folder at
a time, a lock lies beside each target: `_landing/.targets/<its name>/journal.json`, a journal
without moves, whose `landing` is the path to the journal of the landing that has it. As it is found
by the folder alone, it holds for all spellings of a path that lead to that folder by the same
letters; nothing is known of a file system that ignores their case.

A landing that was cut off is recovered by who comes next to its target. So is one that replaces a
folder around this one's target or inside of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace

from framework.contract.paths import from_folder, is_within, join, parent, path_start, relative_to
from framework.errors import JournalError, LockedError
from framework.logging import get_logger
from framework.publish import lock
from framework.publish.decoding import JournalFaultError, TornJournalError, decode
from framework.publish.journal import (
    FILE,
    FOLDER,
    TARGETS,
    Journal,
    journal_location,
    landing_folder,
)
from framework.publish.swap import remove_empty_parents
from framework.storage.filesystem import FileSystem

# The date in the path of a target takes so many digits at least: 2024 and 1, the day of the year.
_DATE_DIGITS = 5
# How far below a target the targets of other jobs are looked for, and in how many folders of each.
_LEVELS = 3
_FOLDERS = 50


@dataclass(frozen=True)
class TargetLocks:
    """The locks of a landing's targets.

    Attributes:
        fs: The file system of the targets.
        location: The landing's journal.
        mine: Its content.
        check: Checks the owners of locks.
        recover: Recovers the landing of a journal.
    """

    fs: FileSystem
    location: str
    mine: Journal
    check: lock.OwnerCheck
    recover: Callable[[str], object]

    @property
    def targets(self) -> list[str]:
        """Return the targets in an order that all landings share, so that one of two wins."""
        return sorted({move.target for move in self.mine.moves})

    def acquire(self, target: str, stack: ExitStack) -> str:
        """Lock a target and return the lock; `stack` ends the exclusion of this process's threads.

        Raises:
            LockedError: If another landing has it.
            PublishError: If the landing that left it can't be recovered.
            OSError: If the file system failed.
        """
        location = target_lock(target)
        folder = parent(location)
        held = replace(
            self.mine,
            job_name=TARGETS,
            biz_dt=folder.rpartition("/")[2],
            moves=(),
            landing=relative_to(self.location, folder) or self.location,
        )
        check = replace(self.check, to_recover=(self.mine.job_name, self.mine.biz_dt))
        holding = lock.holding(self.fs, location, held, check, self._settle)
        stack.enter_context(holding)
        return location

    def refuse_overlaps(self) -> None:
        """Refuse targets while a landing replaces a folder around one or inside of it.

        Call it with the own locks held: of two landings the later one sees the other.

        Raises:
            LockedError: If such a landing runs.
            PublishError: If one was cut off and can't be recovered.
            OSError: If the file system failed.
        """
        for target in self.targets:
            for location in self._around_and_inside(target):
                found = lock.read(self.fs, location, self.mine)
                if found and found[0].owner.token != self.mine.owner.token:
                    self.check.refuse_if_held(location, found[0])
                    self._settle(location, found[0])
            self._settle_older(target)

    def _settle(self, location: str, held: Journal) -> None:
        """Recover the landing, whose process is gone, that left the lock at `location`."""
        landing = held.landing_at(location)
        if held.landing and landing != from_folder(self.location, "."):
            self._recover(landing)

    def _recover(self, landing: str) -> None:
        if done := self.recover(landing):
            get_logger("framework.publish").warning("an earlier landing was cut off: %s", done)

    def _settle_older(self, target: str) -> None:
        """Settle journals of other jobs with this target: the version before has no other lock."""
        beside = join(parent(target), FOLDER)
        for job_name in self.fs.names(beside):
            if job_name in (TARGETS, self.mine.job_name):
                continue
            location = journal_location(target, job_name, self.mine.biz_dt)
            try:
                found = lock.read(self.fs, location, self.mine)
            except (LockedError, JournalError) as error:
                # Most likely of another target in this folder, and no landing is to fail for it.
                get_logger("framework.publish").warning(
                    "%s may land %s: %s", job_name, target, error
                )
                continue
            if found is None or found[0].owner.token is not None:
                continue
            if any(_overlap(move.target, target) for move in found[0].moves):
                self.check.refuse_if_held(location, found[0])
                self._recover(location)

    def _around_and_inside(self, target: str) -> Iterator[str]:
        root = next(iter(self.mine.roots), None)
        # Above the data root, the job may have no right to look.
        start = len(root) if root and is_within(target, root) else path_start(target)
        folder = parent(target)
        while has_date(folder[start:]):
            yield target_lock(folder)
            folder = parent(folder)
        yield from locks_inside(self.fs, target)


def has_date(path: str) -> bool:
    """Return whether a path may hold a business date, so that a landing may replace it."""
    return sum(each.isdigit() for each in path) >= _DATE_DIGITS


def locks_inside(fs: FileSystem, folder: str, levels: int = _LEVELS) -> Iterator[str]:
    """Yield the locks of targets inside a folder, some levels deep."""
    names = fs.names(folder)
    if FOLDER in names:
        locks = join(folder, FOLDER, TARGETS)
        yield from (join(locks, name, FILE) for name in fs.names(locks))
    # Neither files nor folders of partitions, which this landing's job has written itself.
    others = [name for name in names if name[:1] != "_" and not set(".=") & set(name)]
    if levels:
        for name in others[:_FOLDERS]:
            yield from locks_inside(fs, join(folder, name), levels - 1)


def target_lock(target: str) -> str:
    """Return the location of a target's lock."""
    return join(landing_folder(target, TARGETS, target.rpartition("/")[2]), FILE)


def release_dead(fs: FileSystem, location: str, probe: Journal, check: lock.OwnerCheck) -> bool:
    """Delete a lock whose landing has left no journal; return whether it was there.

    Args:
        fs: The file system.
        location: The lock.
        probe: The journal to hold it with meanwhile.
        check: Checks the lock's owner.

    Raises:
        LockedError: If its owner runs, or can't be checked from here.
        JournalError: If it can't be obeyed.
        OSError: If the file system failed.
    """
    if lock.read(fs, location, probe) is None:
        return False

    def settled(_location: str, _held: Journal) -> None:
        """Keep nothing of the lock that is taken over."""

    with lock.holding(fs, location, probe, check, settled):
        lock.release(fs, location, probe.owner)
    return True


def confirm(fs: FileSystem, locks: list[str], journal: Journal) -> None:
    """Make sure that these locks are still this landing's.

    Raises:
        LockLostError: If another landing took one over.
        OSError: If one can't be read.
    """
    for location in locks:
        lock.confirm(fs, location, journal.owner)


def forget(fs: FileSystem, location: str, journal: Journal) -> None:
    """Delete the locks that a landing left, of which the journal is at `location`.

    Call it as the owner of that journal, once the landing is recovered. A lock that was cut off as
    it was created goes too: a landing that is just creating it notices before it swaps.

    Raises:
        OSError: If the file system failed.
    """
    for target in sorted({move.target for move in journal.moves}):
        held_at = target_lock(target)
        try:
            held = decode(fs.read_bytes(held_at), held_at)
        except FileNotFoundError:
            remove_empty_parents(fs, parent(held_at))
            continue
        except JournalFaultError:
            continue
        except TornJournalError:
            held = None
        if held is None or held.landing_at(held_at) == from_folder(location, "."):
            lock.release(fs, held_at, None)


def _overlap(one: str, other: str) -> bool:
    return is_within(one, other) or is_within(other, one)
