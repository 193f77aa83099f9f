"""Replace the folders of a business date in all sinks or in none, even across crashes.

    with publication(...) as publication:     # lock, recovery of an earlier crash, staging
        write to publication.staging[i]       # the caller writes and checks
        publication.commit()                  # old aside, new in

Leaving the block without a commit, or with an exception, rolls back.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace

from framework.contract.paths import join, parent
from framework.errors import JournalError, LockLostError, PublishError
from framework.failures import remedy
from framework.logging import get_logger
from framework.plan import Place
from framework.publish import lock, swap, targets
from framework.publish.journal import Journal, Move, State, journal_location, landing_folder
from framework.publish.processes import LockOwner, ProcessProbe
from framework.storage.filesystem import FileSystem, Usage


class Publication:
    """A landing between its lock and its swap."""

    def __init__(self, fs: FileSystem, location: str, journal: Journal) -> None:
        self._fs = fs
        self._location = location
        self._journal = journal
        self._locks: list[str] = []
        self.staging = tuple(join(move.work, f"new-{i}") for i, move in enumerate(journal.moves))

    @property
    def is_committed(self) -> bool:
        """True once the new folders are in place."""
        return self._journal.state == "done"

    def lock_targets(self, check: lock.OwnerCheck, stack: ExitStack) -> None:
        """Lock the folders that are replaced, for all jobs.

        Raises:
            LockedError: If a landing of another job replaces one of them, or one around or inside.
            PublishError: If what such a landing left can't be recovered.
        """

        def recover_other(landing: str) -> str | None:
            roots = self._journal.roots
            return recover(self._fs, landing, check.me, check.look, check.gone_hosts, roots)

        locks = targets.TargetLocks(self._fs, self._location, self._journal, check, recover_other)
        try:
            for target in locks.targets:
                self._locks.append(locks.acquire(target, stack))
            locks.refuse_overlaps()
        except OSError as error:
            raise _not_prepared(self._location, error) from error

    def commit(self, counted: Mapping[str, Usage] | None = None) -> None:
        """Swap the staged folders in, all of them or none.

        Args:
            counted: The content of staging folders, as counted by `FileSystem.content` when they
                were complete. None is published if one has changed since.

        Raises:
            LockLostError: If another landing took the lock over; nothing was published.
            PublishError: If nothing was published and the old folders are back, or if even that
                failed and the state is unknown until the next landing. The text says which.
        """
        try:
            self._count_again(counted or {})
            targets.confirm(self._fs, self._locks, self._journal)
            moves = tuple(self._checked(move) for move in self._journal.moves)
            for work in dict.fromkeys(move.work for move in moves):
                self._fs.make_durable(work)
            self._enter("swapping", moves)
            swap.apply(self._fs, moves, is_first=True)
            self._enter("done")
        except OSError as error:
            self._revert(error)
            # Without an answer, nobody else is known to have the lock.
            with suppress(OSError):
                lock.confirm(self._fs, self._location, self._journal.owner)
            raise PublishError(
                f"{self._title()} was not published, the old data is in place: "
                f"{error}{remedy(error)}"
            ) from error
        except BaseException as interruption:
            self._revert(interruption)
            raise

    def roll_back(self) -> None:
        """Remove the staged folders; the targets are untouched, or restored.

        A swap that could neither be finished nor undone is left to a recovery by its journal, as
        the folders beside the targets may be the only copy.

        Raises:
            OSError: If a folder can't be removed; the journal stays for the next landing.
        """
        if self._journal.state != "staging":
            return
        # The folders are this landing's alone, whoever has the lock.
        swap.cleanup(self._fs, self._journal, is_own=True)
        self._release()

    def finish(self) -> None:
        """Remove the old folders and the journal.

        The data has landed, so leftovers that can't be removed stay until the next landing, with a
        warning.
        """
        try:
            swap.cleanup(self._fs, self._journal)
            self._release()
        except (OSError, LockLostError) as error:
            get_logger("framework.publish").warning(
                "%s has landed, but leftovers beside it stay until its next landing: %s",
                self._title(),
                error,
            )

    def _release(self) -> None:
        """Release all locks, the journal last: who finds it finds the others by it."""
        for location in self._locks:
            try:
                lock.release(self._fs, location, self._journal.owner)
            except LockLostError as error:
                get_logger("framework.publish").warning("%s: %s", self._title(), error)
        lock.release(self._fs, self._location, self._journal.owner)

    def _count_again(self, counted: Mapping[str, Usage]) -> None:
        for folder, usage in counted.items():
            found = self._fs.content(folder)
            if found != usage:
                # Who took the lock over has removed what it found.
                lock.confirm(self._fs, self._location, self._journal.owner)
                raise FileNotFoundError(
                    f"{folder} held {usage.files} files of {usage.size_bytes} bytes when it was "
                    f"checked, and now {found.files} of {found.size_bytes}: something else than "
                    "this landing changes files there"
                )

    def _checked(self, move: Move) -> Move:
        if not self._fs.exists(move.new):
            raise FileNotFoundError(f"nothing was staged at {move.new}")
        return replace(move, had_target=self._fs.exists(move.target))

    def _revert(self, cause: BaseException) -> None:
        """Undo a swap that was interrupted."""
        if self._journal.state != "swapping":
            return
        try:
            self._enter("reverting")
            swap.revert(self._fs, self._journal.moves)
            self._enter("staging")
        except (OSError, LockLostError) as error:
            raise PublishError(
                f"{self._title()}: unknown whether published. The swap stopped ({cause!r}) and "
                f"could not be undone ({error}); the next landing of this job and date "
                f"finishes it from {self._location}"
            ) from cause

    def _enter(self, state: State, moves: tuple[Move, ...] | None = None) -> None:
        journal = replace(self._journal, state=state, moves=moves or self._journal.moves)
        before = self._journal
        lock.confirm(self._fs, self._location, before.owner)
        if state in ("swapping", "reverting"):
            # A write that fails may have taken effect, so it counts as done until the file is read:
            # else a folder could be deleted that a recovery would move.
            self._journal = journal
        try:
            self._fs.write_atomic(self._location, journal.encode())
        except OSError:
            if self._is_on_disk(before):
                self._journal = before
            raise
        self._journal = journal

    def _is_on_disk(self, journal: Journal) -> bool:
        try:
            return self._fs.read_bytes(self._location) == journal.encode()
        except OSError:
            return False

    def _title(self) -> str:
        return f"{self._journal.job_name} {self._journal.biz_dt}"


@contextmanager
def publication(
    fs: FileSystem,
    places: Sequence[Place],
    job_name: str,
    biz_dt: str,
    me: LockOwner,
    look: ProcessProbe,
) -> Generator[Publication]:
    """Lock a job and date, recover what an earlier landing left, and create staging folders.

    Raises:
        LockedError: If another landing of the same job and date runs, or one of the same folder.
        PublishError: If an earlier landing's leftovers can't be recovered, or (a JournalError)
            it is unknown what that landing has done.
    """
    location = journal_location(places[0].target, job_name, biz_dt)
    me = me.with_token()
    moves = _moves(places, me, job_name, biz_dt)
    mine = Journal(job_name, biz_dt, me, moves=moves, roots=_roots(places))
    with ExitStack() as stack:
        try:
            check = lock.OwnerCheck(me, look)
            earlier = stack.enter_context(lock.holding(fs, location, mine, check))
            if earlier is not mine:
                _recover_for(fs, location, mine, earlier)
        except OSError as error:
            raise _not_prepared(location, error) from error
        current = Publication(fs, location, mine)
        try:
            current.lock_targets(check, stack)
            try:
                for move in mine.moves:
                    fs.make_dirs(move.work)
            except OSError as error:
                raise _not_prepared(location, error) from error
            yield current
        except BaseException:
            _close_failed(current)
            raise
        if current.is_committed:
            current.finish()
        else:
            current.roll_back()


def recover(
    fs: FileSystem,
    location: str,
    me: LockOwner,
    look: ProcessProbe,
    gone_hosts: Collection[str] = (),
    roots: Sequence[str] = (),
) -> str | None:
    """Finish or roll back the landing that left a journal at `location`, if its owner is gone.

    Without a journal it removes the empty folders and the claims of dead takers that a crash left.

    Args:
        fs: The file system of the location and the targets.
        location: The result of `journal_location`.
        me: This process.
        look: Inspects the processes of this host.
        gone_hosts: Other hosts whose processes are known to be gone.
        roots: The folders in which targets may lie, the data root first; empty: any.

    Returns:
        What was done, in a sentence; None if no journal existed.

    Raises:
        LockedError: If the landing runs, or can't be checked from here.
        PublishError: If the file system failed, and trying again is safe; or (a JournalError) if
            it is unknown what the landing has done.
    """
    folder = parent(location)
    job_name, biz_dt = folder.split("/")[-2:]
    probe = Journal(job_name, biz_dt, me.with_token(), roots=tuple(roots))
    check = lock.OwnerCheck(me, look, frozenset(gone_hosts))
    try:
        if not fs.exists(folder):
            swap.remove_empty_parents(fs, folder)
            return None
        with lock.holding(fs, location, probe, check) as earlier:
            done = _recover(fs, location, earlier)
            targets.forget(fs, location, earlier)
            lock.release(fs, location, probe.owner)
    except OSError as error:
        raise PublishError(f"can't recover {location}: {error}; try again") from error
    return None if earlier is probe else done


def _not_prepared(location: str, error: OSError) -> PublishError:
    return PublishError(f"can't prepare the landing at {location}: {error}{remedy(error)}")


def _recover_for(fs: FileSystem, location: str, mine: Journal, earlier: Journal) -> None:
    """Finish or roll back a dead landing, and replace its journal by `mine`."""
    done = _recover(fs, location, earlier)
    targets.forget(fs, location, earlier)
    get_logger("framework.publish").warning("an earlier landing was cut off: %s", done)
    lock.update(fs, location, mine)


def _recover(fs: FileSystem, location: str, journal: Journal) -> str:
    """Finish or roll back a dead landing, and say what has become of its date.

    Raises:
        JournalError: If the folders contradict the journal; none was touched.
        OSError: If the file system failed.
    """
    if faults := swap.faults(fs, journal):
        raise JournalError(
            location, f"the journal's state is {journal.state}, but {'; '.join(faults)}"
        )
    title = f"{journal.job_name} {journal.biz_dt}"
    if journal.state == "swapping":
        swap.apply(fs, journal.moves)
        journal = _settle(fs, location, replace(journal, state="done"))
    elif journal.state == "reverting":
        swap.revert(fs, journal.moves)
        journal = _settle(fs, location, replace(journal, state="staging"))
    swap.cleanup(fs, journal)
    if journal.state == "done":
        return f"{title}: rolled forward, its new data is in place"
    if not journal.moves:
        left = lock.folders_left(fs, location, journal)
        stays = f"; {', '.join(left)} of another landing stays" if left else ""
        return f"{title}: rolled back, it had not moved anything{stays}"
    missing = [move.target for move in journal.moves if not fs.exists(move.target)]
    if missing:
        return f"{title}: rolled back, and as before it there is no {' and no '.join(missing)}"
    return f"{title}: rolled back, its old data is in place"


def _settle(fs: FileSystem, location: str, journal: Journal) -> Journal:
    """Make the moves durable, and then `journal` the journal; return it.

    The dead landing may have been killed between a move and its flush.
    """
    for move in journal.moves:
        if fs.exists(move.target):
            fs.make_durable(move.target)
    lock.update(fs, location, journal)
    return journal


def _close_failed(current: Publication) -> None:
    """Clean up after an exception, and log errors of that instead of raising them."""
    if current.is_committed:
        current.finish()
        return
    try:
        current.roll_back()
    except LockLostError as error:
        get_logger("framework.publish").error("%s", error)
    except OSError as error:
        get_logger("framework.publish").error(
            "staging could not be removed, the next landing removes it: %s", error
        )


def _roots(places: Sequence[Place]) -> tuple[str, ...]:
    base = places[0].base
    return (base, *(parent(place.target) for place in places)) if base else ()


def _moves(places: Sequence[Place], me: LockOwner, job_name: str, biz_dt: str) -> tuple[Move, ...]:
    moves: list[Move] = []
    for index, place in enumerate(places):
        # No other landing's, and short: Spark's attempt files are below it, and Windows takes 260
        # characters.
        work = join(landing_folder(place.target, job_name, biz_dt), str(me.token)[:8])
        staged = join(work, f"new-{index}")
        moves.append(
            Move(
                work=work,
                new=join(staged, place.below) if place.below else staged,
                old=join(work, f"old-{index}"),
                target=place.target,
            )
        )
    return tuple(moves)
