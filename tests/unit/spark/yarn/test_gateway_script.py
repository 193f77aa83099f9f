"""The requests that the gateway's program reads, until those that write them are dead."""

from __future__ import annotations

import os
import sys

import pytest

from orch_dagster.spark.yarn.gateway_script import requests_of


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no parents to look at")
def test_all_that_a_dead_process_wrote_is_read_though_a_fork_holds_the_pipe() -> None:
    reader, writer = os.pipe()
    os.write(writer, b"guard a\nguard b\n")
    # No process but this one's parent, which has written all that it will.
    assert list(requests_of(os.getpid(), reader)) == [b"guard a", b"guard b"]
    os.write(writer, b"guard c\nrelease")
    os.close(writer)
    assert list(requests_of(os.getppid(), reader)) == [b"guard c"]
    os.close(reader)
