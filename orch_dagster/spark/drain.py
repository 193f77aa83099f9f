"""Read a pipe whose writers may outlive the process that supervises them."""

from __future__ import annotations

import os
import selectors
import sys
import threading
from collections.abc import Iterator
from typing import IO

_CHUNK_BYTES = 64 * 1024
# The longest time until the owner's end is noticed while nothing is written.
_TICK_S = 0.2
# Linux's limit of a pipe without privileges (/proc/sys/fs/pipe-max-size).
_PIPE_CAPACITY_BYTES = 1024 * 1024


def read_while_owned(pipe: IO[bytes], owner_gone: threading.Event) -> Iterator[bytes]:
    """Yield the chunks of a pipe to its end, or until no process of the owner can write to it.

    Once the supervisor is gone, the pipe has all that its tree wrote. A process that escaped it
    (macOS: by a session of its own) may hold the pipe forever, so it is not waited for. On Windows
    no process escapes the Job Object, and a wait for a pipe has no limit.
    """
    if sys.platform == "win32":
        while chunk := os.read(pipe.fileno(), _CHUNK_BYTES):
            yield chunk
        return
    remaining_bytes = _PIPE_CAPACITY_BYTES
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while remaining_bytes > 0:
            # Before the select, so that an empty pipe afterwards is known to stay empty.
            is_last = owner_gone.is_set()
            if selector.select(0 if is_last else _TICK_S):
                chunk = os.read(pipe.fileno(), _CHUNK_BYTES)
                if not chunk:
                    return
                remaining_bytes -= len(chunk) if is_last else 0
                yield chunk
            elif is_last:
                return
