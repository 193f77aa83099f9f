"""Lock a job and date by its journal: create it exclusively, or take over a dead owner's."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone

from framework.contract.paths import join, parent
from framework.contract.process_identity import ProcessProbe
from framework.errors import JournalError, LockedError, LockLostError
from framework.logging import get_logger
from framework.publish.applications import ApplicationState, application_state
from framework.publish.decoding import MAX_BYTES, JournalFaultError, TornJournalError, decode
from framework.publish.journal import FILE, FOLDER, Journal, landing_folder
from framework.publish.processes import LockOwner
from framework.publish.swap import remove_empty_parents
from framework.storage.filesystem import FileSystem

# A journal is written right after its creation, so one that is still torn after this time was cut
# off by a crash.
TORN_AFTER = timedelta(seconds=60)
_ATTEMPTS = 5

# The threads of a process share its pid, so the journal's owner does not exclude them.
_held: dict[str, str] = {}
_held_guard = threading.Lock()


@dataclass(frozen=True)
class OwnerCheck:
    """Checks whether the owner of a journal may still be landing.

    Attributes:
        me: This process.
        look: Inspects the processes of this host.
        gone_hosts: Other hosts whose processes are known to be gone; all others are unknown.
        to_recover: The job and the date whose recovery releases the lock; None: the lock's own. The
            job of a target's lock may have been renamed or removed since.
        ask: Tells whether an application has ended, of an owner that can't be looked up from here.
    """

    me: LockOwner
    look: ProcessProbe
    gone_hosts: frozenset[str] = frozenset()
    to_recover: tuple[str, str] | None = None
    ask: Callable[[str | None], ApplicationState] = application_state

    def refuse_if_held(self, location: str, journal: Journal) -> None:
        """Refuse the lock unless its owner is gone.

        Raises:
            LockedError: If the owner runs, or can't be checked from here.
        """
        owner = journal.owner
        reach = owner.reach_from(self.me)
        if reach == "ended":
            return
        if reach == "unknown":
            if owner.host in self.gone_hosts:
                return
            state = self.ask(owner.application_id)
            if state == "over":
                return
            if state == "unknown":
                raise LockedError(location, self._unknown(location, journal))
        elif owner.same_process(self.me) or not owner.is_running(self.look):
            return
        raise LockedError(
            location,
            f"{_subject(location, journal)}being landed by {owner}: wait for it or cancel it "
            f"(lock: {location})",
        )

    def _unknown(self, location: str, journal: Journal) -> str:
        owner = journal.owner
        job_name, biz_dt = self.to_recover or journal.landing_at(location).split("/")[-3:-1]
        application = owner.application_id
        ask = f"`yarn application -status {application}`, or " if application else ""
        where = f"from {self.me.host}"
        if owner.host == self.me.host:
            where = "from here: another container or machine of the same name has it"
        return (
            f"{_subject(location, journal)}held by {owner}, which can't be checked {where}. "
            f"Check it there ({ask}look for process {owner.pid}); if it is gone, run this job "
            f"there, or `orch recover {job_name} --biz-dt {biz_dt} --gone {owner.host}` "
            f"(lock: {location})"
        )


def _subject(location: str, journal: Journal) -> str:
    """Return what a target's lock is about; nothing for a journal, which its job and date tell."""
    if not journal.landing:
        return ""
    target = join(location.rpartition(f"/{FOLDER}/")[0], journal.biz_dt)
    job_name, biz_dt = journal.landing_at(location).split("/")[-3:-1]
    return f"{target} is a target of {job_name} {biz_dt} too, "


@contextmanager
def holding(
    fs: FileSystem,
    location: str,
    mine: Journal,
    check: OwnerCheck,
    settle: Callable[[str, Journal], None] | None = None,
) -> Generator[Journal]:
    """Make `mine` the journal at `location` for a block; yield the journal to recover first.

    That is `mine` if the lock was free, else the dead owner's state and moves with this process as
    the owner. The block has to release the journal; one that it leaves is recovered by a later
    landing, possibly of this process.

    Args:
        fs: The file system.
        location: The journal.
        mine: Its content while the block holds it.
        check: Checks the owner of a journal that is there.
        settle: Recovers what a dead owner left, before its journal is taken over; then nothing of
            that journal is kept.

    Raises:
        LockedError: If another landing of the same job and date holds it.
        JournalError: If the journal that is there can't be obeyed.
        OSError: If the file system failed.
    """
    with _held_guard:
        if location in _held:
            raise LockedError(
                location, f"{_held[location]}this process is landing it already: {location}"
            )
        _held[location] = _subject(location, mine)
    try:
        yield _acquire(fs, location, mine, check, settle)
    finally:
        _held.pop(location, None)


def _acquire(
    fs: FileSystem,
    location: str,
    mine: Journal,
    check: OwnerCheck,
    settle: Callable[[str, Journal], None] | None = None,
) -> Journal:
    for _ in range(_ATTEMPTS):
        # Separately, so that its errors are not taken for those of an existing journal.
        fs.make_dirs(parent(location))
        try:
            fs.create_exclusive(location, mine.encode())
        except FileExistsError:
            taken = _take_over(fs, location, mine, check, settle)
            if taken is None:
                continue
            mine = taken
        except FileNotFoundError:
            # A landing that just ended has removed the empty folder.
            continue
        except OSError:
            _withdraw(fs, location, mine.owner)
            raise
        return mine
    raise LockedError(location, f"other landings keep taking {location}; start the job again")


def _withdraw(fs: FileSystem, location: str, owner: LockOwner) -> None:
    """Delete a journal that may have been created although that failed, if it is this landing's."""
    try:
        release(fs, location, owner)
    except LockLostError:
        # Nobody's, another landing's, or cut off: a later landing sees to it.
        return
    except OSError as error:
        get_logger("framework.publish").warning(
            "%s may have been created, and is kept until this process ends: %s", location, error
        )


def confirm(fs: FileSystem, location: str, owner: LockOwner) -> None:
    """Read the journal again and make sure that it is still this landing's.

    Raises:
        LockLostError: If another landing took it over, or it is gone.
        OSError: If it can't be read.
    """
    try:
        holder = decode(fs.read_bytes(location), location).owner
    except FileNotFoundError as error:
        raise LockLostError(location, "nobody any more") from error
    except ValueError as error:
        raise LockLostError(location, f"a journal that can't be read ({error})") from error
    if holder.token != owner.token:
        raise LockLostError(location, str(holder))


def update(fs: FileSystem, location: str, journal: Journal) -> None:
    """Replace the journal, if it is still of the same owner.

    Raises:
        LockLostError: If it is not; it stays as it is.
        OSError: If it can't be read or written.
    """
    confirm(fs, location, journal.owner)
    fs.write_atomic(location, journal.encode())


def release(fs: FileSystem, location: str, owner: LockOwner | None) -> None:
    """Delete the journal, so that others may land the job and date.

    Args:
        fs: The file system.
        location: The journal.
        owner: Whose it has to be; None if it is known to be nobody else's.

    Raises:
        LockLostError: If it is not this landing's any more; it stays as it is.
        OSError: If the journal can't be read or deleted.
    """
    if owner:
        confirm(fs, location, owner)
    folder = parent(location)
    for name in fs.names(folder):
        # A partial update, and claims to take over. A running taker notices that its claim and the
        # journal are gone.
        if name.startswith(f"{FILE}."):
            fs.delete(join(folder, name))
    fs.delete(location)
    remove_empty_parents(fs, folder)


def _take_over(
    fs: FileSystem,
    location: str,
    mine: Journal,
    check: OwnerCheck,
    settle: Callable[[str, Journal], None] | None,
) -> Journal | None:
    """Return the journal with this process as the owner, or None if it changed meanwhile."""
    current = read(fs, location, mine)
    if current is None:
        return None
    journal, content = current
    if mine.owner.token and journal.owner.token == mine.owner.token:
        # Its creation was reported as failed, and had succeeded.
        return mine
    check.refuse_if_held(location, journal)
    if settle:
        settle(location, journal)
    claims: list[str] = []
    try:
        if not _claim(fs, location, content, mine, check, claims):
            return None
        # Another taker may have finished before this claim: the journal then has a new owner.
        current = read(fs, location, mine)
        if current is None or current[1] != content:
            return None
        taken = mine if settle else replace(journal, owner=mine.owner)
        fs.write_atomic(location, taken.encode())
        return taken
    finally:
        for claim in claims:
            fs.delete(claim)


def _claim(
    fs: FileSystem,
    location: str,
    content: bytes,
    mine: Journal,
    check: OwnerCheck,
    claims: list[str],
) -> bool:
    """Claim the right to take over exactly this journal; add to `claims` the files to delete.

    The claim's name is a hash of the journal's content. If a dead taker holds that claim, the next
    name is a hash of both, and so on: no claim that may have an owner is deleted to get at it.
    """
    name = hashlib.sha256(content)
    while True:
        claim = f"{location}.takeover-{name.hexdigest()[:12]}"
        try:
            fs.create_exclusive(claim, replace(mine, moves=()).encode())
        except FileExistsError:
            taker = read(fs, claim, mine)
            if taker is None:
                return False
            check.refuse_if_held(claim, taker[0])
            # An empty one too, which a kill before its write leaves, leads to another name.
            name.update(claim.encode() + taker[1])
            claims.append(claim)
            continue
        except FileNotFoundError:
            return False
        claims.append(claim)
        return True


def read(fs: FileSystem, location: str, mine: Journal) -> tuple[Journal, bytes] | None:
    """Return the journal and its content, or None if it is gone.

    A torn one reads as the journal of a dead landing without moves: it is written before the
    landing's folders are made, so none may lie beside it.
    """
    try:
        data = fs.read_head(location, MAX_BYTES + 1)
        modified = fs.modified(location)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        return decode(data, location, mine.roots), data
    except JournalFaultError as error:
        raise JournalError(location, str(error), is_newer=error.is_newer) from error
    except TornJournalError as error:
        if datetime.now(tz=timezone.utc) - modified < TORN_AFTER:
            raise LockedError(
                location,
                f"{location} is unreadable and was written less than {TORN_AFTER.seconds} s ago: "
                "a landing is just starting, or was cut off; start the job again in a minute",
            ) from error
        # A claim to take over lies beside the folders of the landing that it takes over.
        left = [] if location.rpartition("/")[2] != FILE else folders_left(fs, location, mine)
        if left:
            raise JournalError(
                location, f"the journal is damaged, and a landing left {', '.join(left)}"
            ) from error
        unknown = replace(mine.owner, run_id="unknown", token=None)
        return replace(mine, owner=unknown, moves=()), data


def folders_left(fs: FileSystem, location: str, mine: Journal) -> list[str]:
    """Return the folders of landings beside the journal and beside the targets of `mine`."""
    beside = [landing_folder(move.target, mine.job_name, mine.biz_dt) for move in mine.moves]
    return [
        join(folder, name)
        for folder in dict.fromkeys([parent(location), *beside])
        for name in fs.names(folder)
        if not name.startswith(FILE)
    ]
