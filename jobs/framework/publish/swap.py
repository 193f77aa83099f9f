"""Carry out the moves of a journal, forward or back, from the position where a crash left them.

A move is in one of three positions, distinguished by the folders that exist:

    before        target (if had_target), new
    between       new, old
    after         target (the new one), old (if had_target)
"""

from __future__ import annotations

from framework.contract.paths import parent
from framework.publish.journal import Journal, Move
from framework.storage.filesystem import FileSystem


def apply(fs: FileSystem, moves: tuple[Move, ...]) -> None:
    """Move every `new` to its target; it may be repeated.

    Raises:
        OSError: If a move failed, or another process created a target meanwhile.
    """
    for move in moves:
        if not fs.exists(move.new):
            continue
        if move.had_target and not fs.exists(move.old):
            fs.rename(move.target, move.old)
        fs.make_dirs(parent(move.target))
        fs.rename(move.new, move.target)


def revert(fs: FileSystem, moves: tuple[Move, ...]) -> None:
    """Restore every target; it may be repeated.

    If an `old` that should exist is gone, the new data stays, as it is the only copy.

    Raises:
        OSError: If a move failed.
    """
    for move in moves:
        swapped = not fs.exists(move.new) and fs.exists(move.target)
        if swapped and (not move.had_target or fs.exists(move.old)):
            fs.rename(move.target, move.new)
        if move.had_target and fs.exists(move.old):
            fs.rename(move.old, move.target)


def cleanup(fs: FileSystem, journal: Journal) -> None:
    """Delete the run's folders beside the targets; call it once no `old` is needed any more.

    Raises:
        OSError: If a folder can't be deleted.
    """
    for work in dict.fromkeys(move.work for move in journal.moves):
        fs.delete(work)
        remove_empty_parents(fs, parent(work))


def remove_empty_parents(fs: FileSystem, folder: str, levels: int = 3) -> None:
    """Remove the folders of `_landing/<job>/<date>` that are empty, deepest first."""
    for _ in range(levels):
        if not fs.remove_empty_dir(folder):
            return
        folder = parent(folder)
