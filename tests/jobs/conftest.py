"""What holds for all tests of the job framework."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of the machine reaches a test."""
    for name in ("LOG_FILE", "JOB_PARAMS_FILE", "JOB_BASE_DIR", "JOB_SQL_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name in ("DAGSTER_PIPES_CONTEXT", "DAGSTER_PIPES_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
