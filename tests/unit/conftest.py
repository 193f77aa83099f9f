"""What makes a test a unit test: it starts no process, so no JVM either."""

from __future__ import annotations

import subprocess

import pytest


@pytest.fixture(autouse=True)
def _no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(self: object, args: object, *_: object, **__: object) -> None:
        pytest.fail(f"a unit test starts no process (tests/runs is for those that do): {args}")

    monkeypatch.setattr(subprocess.Popen, "__init__", refused)
