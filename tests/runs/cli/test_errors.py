"""The Python trace of an error."""

from __future__ import annotations

import os
import subprocess
import sys

from orch_dagster.settings import REPOSITORY


def test_a_trace_only_when_asked_for() -> None:
    """In a real process, as a user sees it."""

    def said(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "orch_dagster.cli", *words],
            cwd=REPOSITORY,
            env={**os.environ, "ORCH_HOME": "/nonexistent/home", "ORCH_CONTROL_URL": ""},
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    plain, traced = said("jobs"), said("--trace", "jobs")
    assert (plain.returncode, traced.returncode) == (1, 1)
    assert plain.stderr.startswith("orch: control store sqlite:///")
    assert len(plain.stderr.splitlines()) == 1
    assert "Traceback" in traced.stderr
