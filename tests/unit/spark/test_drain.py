from __future__ import annotations

import os
import sys
import threading

import pytest

from orch_dagster.spark.drain import read_while_owned
from tests.waiting import wait_until


def test_all_is_read_to_the_end_of_the_pipe() -> None:
    read, write = os.pipe()
    os.write(write, b"x" * 1000)
    os.close(write)
    with os.fdopen(read, "rb", buffering=0) as pipe:
        assert b"".join(read_while_owned(pipe, threading.Event())) == b"x" * 1000


@pytest.mark.skipif(sys.platform == "win32", reason="none gets away from a Job Object")
def test_a_stranger_that_holds_the_pipe_is_not_waited_for() -> None:
    read, write = os.pipe()
    os.write(write, b"last words")
    gone = threading.Event()
    chunks: list[bytes] = []
    with os.fdopen(read, "rb", buffering=0) as pipe:
        reader = threading.Thread(target=lambda: chunks.extend(read_while_owned(pipe, gone)))
        reader.start()
        wait_until(lambda: bool(chunks), "the first chunk")
        assert reader.is_alive()
        gone.set()
        reader.join(timeout=60)
        assert not reader.is_alive()
    os.close(write)
    assert chunks == [b"last words"]


@pytest.mark.skipif(sys.platform == "win32", reason="none gets away from a Job Object")
def test_a_stranger_that_never_stops_writing_is_cut_off() -> None:
    read, write = os.pipe()
    gone, enough = threading.Event(), threading.Event()

    def babble() -> None:
        while not enough.is_set():
            try:
                os.write(write, b"y" * 4096)
            except BrokenPipeError:
                return

    writer = threading.Thread(target=babble)
    writer.start()
    gone.set()
    with os.fdopen(read, "rb", buffering=0) as pipe:
        size = sum(len(chunk) for chunk in read_while_owned(pipe, gone))
        enough.set()
    writer.join(timeout=60)
    os.close(write)
    assert size < 2 * 1024 * 1024
