"""A code server that is started for a module, and what it lists."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from dagster import DagsterInstance

from orch_dagster.defs.dagster_internals.location_snapshot import served_job_count

MODULE = """
import dagster as dg

@dg.job
def first(): ...

@dg.job
def second(): ...

defs = dg.Definitions(jobs=[first, second])
"""


def test_a_servers_jobs_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "two_jobs.py").write_text(MODULE)
    path = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{path}")
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        assert served_job_count(instance, "two_jobs", "__repository__") == 2
