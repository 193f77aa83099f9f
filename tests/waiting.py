"""Waiting for what another process does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


def wait_until(true: Callable[[], object], what: str, timeout_s: float = 180.0) -> None:
    """Poll until something is true; fail by name at the deadline."""
    until = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < until, f"not seen in {timeout_s} s: {what}"
        threading.Event().wait(0.05)
