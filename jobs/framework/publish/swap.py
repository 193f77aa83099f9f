"""Carry out the moves of a journal, forward or back, from the position where a crash left them.

A move is in one of three positions, distinguished by the folders that exist:

    before        target (if had_target), new
    between       new, old
    after         target (the new one), old (if had_target)
"""

from __future__ import annotations

from collections.abc import Mapping

from framework.contract.paths import join, parent
from framework.contract.places import REPLACED
from framework.publish.journal import Journal, Move, State
from framework.storage.filesystem import FileSystem

# Whether target, new and old exist, by position; with and without a target before the landing.
_ON_ITS_WAY: Mapping[bool, tuple[tuple[bool, bool, bool], ...]] = {
    True: ((True, True, False), (False, True, True), (True, False, True)),
    False: ((False, True, False), (True, False, False)),
}


# What is appended to the name of a folder before it is deleted.
_SET_ASIDE = ".gone"


def faults(fs: FileSystem, journal: Journal) -> list[str]:
    """Return what of the folders contradicts the journal's state, without a change.

    Raises:
        OSError: If the file system failed.
    """
    found: list[str] = []
    for move in journal.moves:
        paths = (move.target, move.new, move.old)
        exist = (fs.exists(paths[0]), fs.exists(paths[1]), fs.exists(paths[2]))
        if not _fits(journal.state, move, exist):
            named = [
                f"{path} {'exists' if is_there else 'is missing'}"
                for path, is_there in zip(paths, exist, strict=True)
            ]
            found.append(f"{', '.join(named[:2])} and {named[2]}")
    return found


def _fits(state: State, move: Move, exist: tuple[bool, bool, bool]) -> bool:
    target, new, old = exist
    if state == "staging":
        return not old and (target or not move.had_target)
    if state == "done":
        return target and not new
    return exist in _ON_ITS_WAY[move.had_target]


def apply(fs: FileSystem, moves: tuple[Move, ...], *, is_first: bool = False) -> None:
    """Move every `new` to its target; it may be repeated, and then `is_first` is false.

    Raises:
        OSError: If a move failed, or another process created a target meanwhile.
    """
    for move in moves:
        if not fs.exists(move.new):
            if is_first:
                raise FileNotFoundError(f"{move.new} is gone, which another landing has removed")
            continue
        if move.had_target and not fs.exists(move.old):
            fs.rename(move.target, move.old)
        fs.make_dirs(parent(move.target))
        fs.rename(move.new, move.target)


def revert(fs: FileSystem, moves: tuple[Move, ...]) -> None:
    """Restore every target; it may be repeated.

    If an `old` that should exist is gone, the new data stays, as it is the only copy.

    Raises:
        OSError: If a move failed, or an `old` is gone.
    """
    gone: list[str] = []
    for move in moves:
        swapped = not fs.exists(move.new) and fs.exists(move.target)
        if swapped and (not move.had_target or fs.exists(move.old)):
            fs.make_dirs(parent(move.new))
            fs.rename(move.target, move.new)
        elif swapped:
            gone.append(move.old)
        if move.had_target and fs.exists(move.old):
            fs.rename(move.old, move.target)
        elif move.had_target and not fs.exists(move.target):
            gone.append(move.old)
    if gone:
        raise FileNotFoundError(f"the old data is gone: {', '.join(gone)}")


def cleanup(fs: FileSystem, journal: Journal, *, is_own: bool = False) -> None:
    """Delete the run's folders beside the targets; call it once no `old` is needed any more.

    Where the new data may not be on disk yet, a replaced folder is kept until the next landing of
    the date. `is_own` says that the landing itself calls it, so that nobody else moves anything.

    Raises:
        OSError: If a folder can't be deleted or kept.
    """
    for move in journal.moves if journal.state == "done" else ():
        if not fs.can_make_durable(move.target) and fs.exists(move.old):
            kept = kept_folder(journal, move)
            fs.delete(kept)
            fs.make_dirs(parent(kept))
            fs.rename(move.old, kept)
    for work in dict.fromkeys(move.work for move in journal.moves):
        if is_own or journal.state == "done":
            fs.delete(work)
        else:
            _discard(fs, work)
        remove_empty_parents(fs, parent(work))


def _discard(fs: FileSystem, work: str) -> None:
    """Delete a folder that holds no old data, as is seen once nothing can be moved into it.

    The landing that made it may go on, although it was taken for gone. On an object store it could
    do so under any name, as a rename copies file by file, and copying all of it would be for
    nothing.
    """
    set_aside = f"{work}{_SET_ASIDE}"
    for folder in (set_aside, work):
        doomed = folder
        if folder == work and fs.exists(work) and not fs.renames_by_copy(work):
            doomed = set_aside
            fs.rename(work, doomed)
        if kept := [name for name in fs.names(doomed) if name.startswith("old-")]:
            raise FileExistsError(
                f"{doomed} holds the old data of a date, {', '.join(kept)}, which a landing "
                "moved there that was taken for gone; it stays"
            )
        fs.delete(doomed)


def kept_folder(journal: Journal, move: Move) -> str:
    """Return where the folder is kept that a move replaced.

    Each name begins with an underscore, since a pattern such as `table/*` finds the first.
    """
    names = (journal.job_name, journal.biz_dt, move.old.rpartition("/")[2])
    return join(parent(move.target), REPLACED, *(f"_{name}" for name in names))


def remove_empty_parents(fs: FileSystem, folder: str, levels: int = 3) -> None:
    """Remove the folders of `_landing/<job>/<date>` that are empty, deepest first."""
    for _ in range(levels):
        if not fs.remove_empty_dir(folder):
            return
        folder = parent(folder)
