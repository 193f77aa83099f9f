"""A daemon that ends, as a process has it."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

from orch_dagster.local_kudu.daemons import (
    Daemon,
    find_process,
)
from tests.waiting import wait_until


@pytest.mark.skipif(sys.platform != "linux", reason="threads that outlive the first one")
def test_a_daemon_whose_threads_still_end_has_not_ended(tmp_path: Path) -> None:
    """They hold its ports, though the process is a zombie already."""
    # A process is named after the link that it was started by.
    named = tmp_path / "kudu-master"
    named.symlink_to(Path(sys.executable).resolve())
    text = """
        import ctypes, sys, threading
        threading.Thread(target=sys.stdin.read).start()
        ctypes.CDLL(None).pthread_exit(None)
        """
    process = subprocess.Popen([named, "-S", "-c", textwrap.dedent(text)], stdin=subprocess.PIPE)
    seen = psutil.Process(process.pid)
    daemon = Daemon("master", process.pid, seen.create_time() - psutil.boot_time())
    try:
        wait_until(lambda: seen.status() == psutil.STATUS_ZOMBIE, "the end of the first thread")
        assert find_process(daemon) is not None
        assert process.stdin is not None
        process.kill()
        wait_until(lambda: find_process(daemon) is None, "the end of all threads")
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
