"""Find by execution_log which runs of a date may not have ended."""

from __future__ import annotations

import pytest

from orch_dagster.control.completions import runs_without_end
from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import EXECUTION_LOG
from orch_dagster.defs.runs.dead_applications import unknown_end
from orch_dagster.spark.yarn.report import Application, still_live

LIVE = still_live(Application("application_1_1", "RUNNING", "", "", "job", "etl"))
UNKNOWN = unknown_end("no answer")
OF_WATCH = "it is unknown whether application_1_1 still runs (no answer)"


@pytest.mark.parametrize(
    ("status", "is_without_end"),
    [
        ("Started", True),
        ("Completed", False),
        ("Canceled", False),
        ("Failed: exit code 3", False),
        ("Failed: the disk is still full", False),
        (f"Failed: the orchestrator died; {LIVE}", True),
        (f"Failed: the orchestrator died; {UNKNOWN}", True),
        (f"Failed: timed out after 1 minute and was stopped; {OF_WATCH}", True),
    ],
)
def test_a_run_whose_application_may_go_on_has_no_end(
    store: ControlStore, status: str, is_without_end: bool
) -> None:
    rows = [
        {"id": run, "job_id": job, "biz_dt": day, "run_id": run, "status": status}
        for run, job, day in (
            ("mine", "J", "2024-05-15"),
            ("other job", "K", "2024-05-15"),
            ("other date", "J", "2024-05-16"),
        )
    ]
    store.upsert(EXECUTION_LOG, rows)
    found = runs_without_end(store, "J", ["2024-05-15"])
    assert found == ({"mine"} if is_without_end else set())
