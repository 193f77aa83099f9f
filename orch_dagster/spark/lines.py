"""Split the bytes of a stream into lines of bounded length, and keep their bounded tail."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

MAX_LINE_BYTES = 64 * 1024


class LineSplitter:
    """Splits chunks into lines; a line longer than `max_bytes` comes in pieces.

    Args:
        max_bytes: The length of the longest piece.
        mask: Masks secrets, also across chunks and pieces; none may be longer than `max_bytes`.
    """

    def __init__(
        self, max_bytes: int = MAX_LINE_BYTES, mask: Callable[[bytes], bytes] = bytes
    ) -> None:
        self._max_bytes = max_bytes
        self._mask = mask
        self._pending = b""

    def feed(self, chunk: bytes) -> Iterator[str]:
        """Yield each complete line, without its line ending."""
        *lines, self._pending = (self._pending + chunk).split(b"\n")
        together = b"\n".join(lines)
        # Nearly always nothing is found, and one look at many lines is much cheaper than many.
        mask = bytes if self._mask(together) == together else self._mask
        for line in lines:
            yield from map(_text, self._pieces(mask(line).removesuffix(b"\r")))
        if len(self._pending) > 2 * self._max_bytes:
            # A secret that begins in the last pieces may continue in the next chunk.
            pieces = self._pieces(self._mask(self._pending))
            self._pending = b"".join(pieces[-2:])
            yield from map(_text, pieces[:-2])

    def flush(self) -> Iterator[str]:
        """Yield the last line if the stream ended without a line ending."""
        line, self._pending = self._pending, b""
        if line:
            yield from map(_text, self._pieces(self._mask(line)))

    def _pieces(self, line: bytes) -> list[bytes]:
        pieces: list[bytes] = []
        start = 0
        while len(line) - start > self._max_bytes:
            end = start + self._max_bytes
            # Never in the middle of a UTF-8 character.
            back = next((n for n in range(4) if line[end - n] & 0xC0 != 0x80), 0)
            end -= back if end - back > start else 0
            pieces.append(line[start:end])
            start = end
        return [*pieces, line[start:]]


class Tail:
    """The last lines, bounded in number and in bytes."""

    def __init__(self, max_lines: int, max_bytes: int) -> None:
        self._lines: deque[str] = deque()
        self._max_lines = max_lines
        self._max_bytes = max_bytes
        self._size_bytes = 0

    def add(self, line: str) -> None:
        """Add a line and drop the oldest ones beyond the bounds."""
        self._lines.append(line)
        self._size_bytes += _size(line)
        while self._lines and (
            len(self._lines) > self._max_lines or self._size_bytes > self._max_bytes
        ):
            self._size_bytes -= _size(self._lines.popleft())

    def text(self) -> str:
        """Return the kept lines, joined."""
        return "\n".join(self._lines)


def _text(line: bytes) -> str:
    return line.decode("utf-8", errors="replace")


def _size(line: str) -> int:
    return len(line.encode("utf-8")) + 1
