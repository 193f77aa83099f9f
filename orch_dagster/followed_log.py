"""A log file as it grows, in whole lines."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

# No system tells of a growing file in the same way, so it is looked at.
_LOOK_EVERY_S = 0.5
_PIECE_BYTES = 1 << 20


def follow(path: Path, is_over: Callable[[], bool]) -> Iterator[str]:
    """The text of a file from its start, piece by piece, each of whole lines.

    Args:
        path: The file; it need not be there yet.
        is_over: Whether nothing more is written; then the rest is read, and this ends.
    """
    position, rest = 0, b""
    while True:
        # Asked first: what was written before the end is then read after it.
        ended = is_over()
        for piece in _pieces(path, position):
            position += len(piece)
            lines, newline, rest = (rest + piece).rpartition(b"\n")
            if newline:
                yield _text(lines + newline)
        if ended:
            if rest:
                yield _text(rest + b"\n")
            return
        time.sleep(_LOOK_EVERY_S)


def _pieces(path: Path, position: int) -> Iterator[bytes]:
    # Opened each time: on Windows nobody could remove a file that is held open.
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        file.seek(position)
        while piece := file.read(_PIECE_BYTES):
            yield piece


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
