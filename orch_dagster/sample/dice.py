"""Random draws that are the same on every system and every Python version."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha512
from typing import TypeVar

_T = TypeVar("_T")

_DIGEST_BITS = 512
# Bits that must be left beyond a draw's own range, so that the remainder is close to even.
_SPARE_BITS = 32


class Dice:
    """A sequence of draws that its parts determine.

    random.Random promises a stable sequence for random() only, and seeding one for each record
    costs more than a digest.
    """

    __slots__ = ("_label", "_pool", "_pool_size", "_refills")

    def __init__(self, *parts: object) -> None:
        self._label = "\x1f".join(map(str, parts))
        self._refills = 0
        self._pool = 0
        self._pool_size = 0

    def below(self, limit: int) -> int:
        """Draw a whole number from 0 to limit - 1; limit is at least 1."""
        if self._pool_size < limit << _SPARE_BITS:
            self._refill()
        self._pool, drawn = divmod(self._pool, limit)
        self._pool_size //= limit
        return drawn

    def between(self, low: int, high: int) -> int:
        """Draw a whole number from low to high, both included."""
        return low + self.below(high - low + 1)

    def one_in(self, chances: int) -> bool:
        """Draw True once in `chances` draws, on average."""
        return self.below(chances) == 0

    def pick(self, options: Sequence[_T]) -> _T:
        """Draw one of the options, all equally likely."""
        return options[self.below(len(options))]

    def _refill(self) -> None:
        digest = sha512(f"{self._label}\x1f{self._refills}".encode()).digest()
        self._pool = int.from_bytes(digest, "big")
        self._pool_size = 1 << _DIGEST_BITS
        self._refills += 1
