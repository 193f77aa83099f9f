from __future__ import annotations

import os
import subprocess
import sys

import psutil
import pytest

from framework.contract.process_identity import is_zombie, psutil_probe

probe = psutil_probe(psutil)


def test_a_process_that_has_ended_is_not_seen() -> None:
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    child.wait()
    assert probe(child.pid) is None


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no zombies")
def test_a_process_that_its_parent_has_not_asked_for_is_not_seen() -> None:
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    # Waits for the end and leaves it to be asked for.
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert probe(child.pid) is None
    if sys.platform == "linux":
        assert is_zombie(child.pid)
    child.wait()
    assert not is_zombie(child.pid)
