"""Hold the journal of a job and date: create it exclusively, or take over a dead owner's."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta, timezone

from framework.errors import LockedError
from framework.filesystem import FileSystem
from framework.journal import Journal, decode
from framework.locations import parent
from framework.processes import Look, Owner
from framework.swap import remove_empty_parents

# A journal is filled right after it is created: one that is still unreadable after this long
# was cut off by a crash, and nothing had been touched by then.
TORN_AFTER = timedelta(seconds=60)
_ATTEMPTS = 5

# Threads of one process share its pid, so the pid alone could not keep them apart.
_held: set[str] = set()
_held_guard = threading.Lock()


@contextmanager
def holding(fs: FileSystem, location: str, mine: Journal, look: Look) -> Generator[Journal]:
    """Make `mine` the journal at `location` for a block; yield what is to be recovered first.

    That is `mine` where the lock was free; else the dead owner's state and moves, now under our
    name. A journal that is still there at the block's end is left to whoever recovers it, which
    may be a later landing of this process.

    Raises:
        LockedError: another landing of the same job and date holds it.
        OSError: the file system failed.
    """
    with _held_guard:
        if location in _held:
            raise LockedError(location, f"this very process is landing it already: {location}")
        _held.add(location)
    try:
        yield _acquire(fs, location, mine, look)
    finally:
        _held.discard(location)


def _acquire(fs: FileSystem, location: str, mine: Journal, look: Look) -> Journal:
    for _ in range(_ATTEMPTS):
        # Here, so that a folder that can't be made is not taken for a journal that is there.
        fs.make_dirs(parent(location))
        try:
            fs.create_exclusive(location, mine.encode())
        except FileExistsError:
            taken = _take_over(fs, location, mine, look)
            if taken is None:
                continue
            mine = taken
        except FileNotFoundError:
            # Its folder was empty and was removed by a landing that ended this very moment.
            continue
        return mine
    raise LockedError(location, f"other landings keep taking {location}; start the job again")


def release(fs: FileSystem, location: str) -> None:
    """Give the journal up; afterwards anybody may land the job and date.

    Raises:
        OSError: the journal can't be deleted.
    """
    fs.delete(location + ".tmp")
    fs.delete(location)
    remove_empty_parents(fs, parent(location))


def _take_over(fs: FileSystem, location: str, mine: Journal, look: Look) -> Journal | None:
    """Return the journal under our name, or None where the situation changed: look again."""
    found = _read(fs, location, mine)
    if found is None:
        return None
    journal, content = found
    _refuse_if_held(location, journal.owner, mine.owner, look)
    claims: list[str] = []
    try:
        if not _claim(fs, location, content, mine, look, claims):
            return None
        # Who was late with the claim may be second: the journal then has a new owner.
        again = _read(fs, location, mine)
        if again is None or again[1] != content:
            return None
        taken = replace(journal, owner=mine.owner)
        fs.write_atomic(location, taken.encode())
        return taken
    finally:
        for claim in claims:
            fs.delete(claim)


def _claim(
    fs: FileSystem, location: str, content: bytes, mine: Journal, look: Look, claims: list[str]
) -> bool:
    """Claim the right to take over exactly this journal; add to `claims` what is to be deleted.

    The claim's name comes from the journal's content. Where a dead taker holds it, the next name
    comes from both, and so on: no claim that could be somebody's is ever deleted to get at it.
    """
    name = hashlib.sha256(content)
    while True:
        claim = f"{location}.takeover-{name.hexdigest()[:12]}"
        try:
            fs.create_exclusive(claim, replace(mine, moves=()).encode())
        except FileExistsError:
            taker = _read(fs, claim, mine)
            if taker is None:
                return False
            _refuse_if_held(claim, taker[0].owner, mine.owner, look)
            name.update(taker[1])
            claims.append(claim)
            continue
        except FileNotFoundError:
            return False
        claims.append(claim)
        return True


def _read(fs: FileSystem, location: str, mine: Journal) -> tuple[Journal, bytes] | None:
    """Return the journal there and its content, None where it is gone.

    A torn one reads as a dead landing's that moved nothing.
    """
    try:
        data = fs.read_bytes(location)
        modified = fs.modified(location)
    except FileNotFoundError:
        return None
    try:
        return decode(data), data
    except ValueError as error:
        if datetime.now(tz=timezone.utc) - modified < TORN_AFTER:
            raise LockedError(
                location,
                f"{location} is unreadable and was written less than {TORN_AFTER.seconds} s ago: "
                "a landing is just starting, or was cut off; start the job again in a minute",
            ) from error
        return replace(mine, owner=replace(mine.owner, run_id="unknown")), data


def _refuse_if_held(location: str, owner: Owner, me: Owner, look: Look) -> None:
    if owner.host != me.host:
        where = owner.application_id
        ask = f"`yarn application -status {where}`, or " if where else ""
        raise LockedError(
            location,
            f"held by {owner}, which can't be checked from {me.host}. Check it there ({ask}look "
            f"for process {owner.pid}); if it is gone, run this job on {owner.host}. If that host "
            f"is gone too and {location} says state 'staging', delete the file; with another "
            "state move the folders as its list of moves says, then delete",
        )
    if not owner.same_process(me) and owner.is_running(look):
        raise LockedError(
            location,
            f"being landed by {owner}: wait for it or cancel it (lock: {location})",
        )
