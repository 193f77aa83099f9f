"""Follow a file that another process writes, to its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from framework.contract.held_files import Patience

_PIECE_BYTES = 1 << 20


def follow(path: Path, is_over: Callable[[], bool], look_every_s: float = 0.5) -> Iterator[bytes]:
    """Yield the bytes of a growing file from its start, in pieces of whole lines.

    Args:
        path: The file; it need not exist yet.
        is_over: Returns whether the writers have ended; the remainder is then read and yielded,
            the last line even if it has no end.
        look_every_s: Polled, as every system reports a growing file in another way.
    """
    position, partial = 0, b""
    while True:
        # Asked before reading, so that nothing written before the end is missed.
        ended = is_over()
        for piece in _pieces(path, position):
            position += len(piece)
            lines, newline, partial = (partial + piece).rpartition(b"\n")
            if newline:
                yield lines + newline
        if ended:
            if partial:
                yield partial
            return
        time.sleep(look_every_s)


def _pieces(path: Path, position: int) -> Iterator[bytes]:
    # Opened each time: Windows can't remove a file that is open, and a C runtime need not read on
    # after it has met the end.
    try:
        # A scanner may have it to itself for a moment there.
        file = Patience().carry_out(lambda: path.open("rb"), str(path))
    except FileNotFoundError:
        return
    with file:
        file.seek(position)
        while piece := file.read(_PIECE_BYTES):
            yield piece
