"""Carry out the moves of a journal, forward or back, from wherever a crash left them.

A move is in one of three positions, told apart by what exists:

    before        target (if had_target), new
    between       new, old
    after         target (the new one), old (if had_target)
"""

from __future__ import annotations

from framework.contract.paths import parent
from framework.publish.journal import Journal, Move
from framework.storage.filesystem import FileSystem


def apply(fs: FileSystem, moves: tuple[Move, ...]) -> None:
    """Put every `new` in its target's place; repeating it does no harm.

    Raises:
        OSError: a move failed, or somebody else put a folder at a target meanwhile.
    """
    for move in moves:
        if not fs.exists(move.new):
            continue
        if move.had_target and not fs.exists(move.old):
            fs.rename(move.target, move.old)
        fs.make_dirs(parent(move.target))
        fs.rename(move.new, move.target)


def revert(fs: FileSystem, moves: tuple[Move, ...]) -> None:
    """Restore every target; repeating it does no harm.

    Where an `old` that should be there is gone, the new data stays: it is all there is.

    Raises:
        OSError: a move failed.
    """
    for move in moves:
        swapped = not fs.exists(move.new) and fs.exists(move.target)
        if swapped and (not move.had_target or fs.exists(move.old)):
            fs.rename(move.target, move.new)
        if move.had_target and fs.exists(move.old):
            fs.rename(move.old, move.target)


def cleanup(fs: FileSystem, journal: Journal) -> None:
    """Delete what the run put beside the targets; only once no `old` is needed any more.

    Raises:
        OSError: a folder can't be deleted.
    """
    for work in dict.fromkeys(move.work for move in journal.moves):
        fs.delete(work)
        remove_empty_parents(fs, parent(work))


def remove_empty_parents(fs: FileSystem, folder: str, levels: int = 3) -> None:
    """Remove `_landing/<job>/<date>`, from below, as far as it is empty."""
    for _ in range(levels):
        if not fs.remove_empty_dir(folder):
            return
        folder = parent(folder)
