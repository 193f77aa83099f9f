"""The business dates that jobs have completed, or have begun, by execution_log."""

from __future__ import annotations

from collections.abc import Collection

from orch_dagster.control.records import COMPLETED, STARTED
from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import EXECUTION_LOG


def completed(
    store: ControlStore, job_ids: Collection[str], biz_dts: Collection[str]
) -> frozenset[tuple[str, str]]:
    """Return (job_id, biz_dt) of each Completed row of these jobs and dates."""
    if not job_ids or not biz_dts:
        return frozenset()
    where = {"job_id": sorted(job_ids), "biz_dt": sorted(biz_dts), "status": COMPLETED}
    rows = store.read(EXECUTION_LOG, where, columns=["job_id", "biz_dt"])
    return frozenset((str(row["job_id"]), str(row["biz_dt"])) for row in rows)


def started_runs(store: ControlStore, job_id: str, biz_dts: Collection[str]) -> frozenset[str]:
    """Return the runs whose Started rows of a job and these dates have no end yet."""
    where = {"job_id": job_id, "biz_dt": sorted(biz_dts), "status": STARTED}
    rows = store.read(EXECUTION_LOG, where, columns=["run_id"])
    return frozenset(str(row["run_id"]) for row in rows if row["run_id"])
