"""How the cost of a piece of work grows with its input."""

from __future__ import annotations

import time
from collections.abc import Callable

# In this process's own time, so that a busy machine does not count. Work that grows with its input
# takes about four times as long for four times as much, work that grows by its square 16 times.
_MOST = 9.0
# Below this, the clock and the caches decide.
_FLOOR_S = 0.004
_TRIES = 4


def seconds(work: Callable[[], object]) -> float:
    """Return the time that this process needs for the work."""
    started = time.process_time()
    work()
    return time.process_time() - started


def assert_linear(work: Callable[[int], Callable[[], object]], size: int) -> None:
    """Assert that four times as much input takes no more than some four times as long.

    Args:
        work: Prepares the work on an input of a size.
        size: The smaller size.
    """
    small, large = work(size), work(4 * size)
    ratios: list[float] = []
    for _ in range(_TRIES):
        few, many = seconds(small), seconds(large)
        ratios.append(many / max(few, _FLOOR_S))
        if ratios[-1] < _MOST:
            return
    raise AssertionError(f"{4 * size} of it take {ratios} times as long as {size}")
