"""Read a pipe whose writers may outlive the one who answers for them."""

from __future__ import annotations

import os
import selectors
import sys
import threading
from collections.abc import Iterator
from typing import IO

_CHUNK_BYTES = 64 * 1024
# The longest time that the owner's end goes unseen while nothing is written.
_TICK_S = 0.2
# The most that Linux lets a pipe hold without privileges (/proc/sys/fs/pipe-max-size).
_PIPE_CAPACITY_BYTES = 1024 * 1024


def read_while_owned(pipe: IO[bytes], owner_gone: threading.Event) -> Iterator[bytes]:
    """Yield what comes through a pipe, to its end or until only strangers could write to it.

    Once the supervisor is gone, all that its tree wrote is in the pipe already. A process that got
    away (macOS: by a session of its own) may hold the pipe for ever: it is not waited for. On
    Windows none can get away from the Job Object, and a pipe can't be waited for with a limit.
    """
    if sys.platform == "win32":
        while chunk := os.read(pipe.fileno(), _CHUNK_BYTES):
            yield chunk
        return
    left_bytes = _PIPE_CAPACITY_BYTES
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while left_bytes > 0:
            # Asked before looking: what is not there afterwards will never come.
            is_last = owner_gone.is_set()
            if selector.select(0 if is_last else _TICK_S):
                chunk = os.read(pipe.fileno(), _CHUNK_BYTES)
                if not chunk:
                    return
                left_bytes -= len(chunk) if is_last else 0
                yield chunk
            elif is_last:
                return
