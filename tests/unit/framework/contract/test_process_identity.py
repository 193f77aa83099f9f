from __future__ import annotations

import os

import psutil

from framework.contract.process_identity import is_same_start, psutil_probe

probe = psutil_probe(psutil)


def test_this_process_is_seen_with_its_start() -> None:
    found = probe(os.getpid())
    assert found is not None
    assert found.started_ms is not None
    assert found.kernel_started_s is not None
    again = probe(os.getpid())
    assert again is not None
    assert is_same_start(found.kernel_started_s, again.kernel_started_s)


def test_a_process_of_somebody_else_exists() -> None:
    class Denied:
        STATUS_ZOMBIE, NoSuchProcess, AccessDenied = "zombie", ProcessLookupError, PermissionError

        @staticmethod
        def Process(pid: int) -> None:
            raise PermissionError(pid)

    found = psutil_probe(Denied)(1)
    assert found is not None
    assert (found.started_ms, found.kernel_started_s) == (None, None)
    assert is_same_start(found.kernel_started_s, 5.0)
