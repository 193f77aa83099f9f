"""The business dates that jobs have completed, or have begun, by execution_log."""

from __future__ import annotations

import re
from collections.abc import Collection

from orch_dagster.control.records import COMPLETED, STARTED
from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import EXECUTION_LOG

# The words of spark/yarn/ and defs/runs/ on an application that may not have ended.
MAY_GO_ON = re.compile(r"\bis still [A-Z_]+: end it by|\bstill runs\b")


def completed(
    store: ControlStore, job_ids: Collection[str], biz_dts: Collection[str]
) -> frozenset[tuple[str, str]]:
    """Return (job_id, biz_dt) of each Completed row of these jobs and dates."""
    if not job_ids or not biz_dts:
        return frozenset()
    where = {"job_id": sorted(job_ids), "biz_dt": sorted(biz_dts), "status": COMPLETED}
    rows = store.read(EXECUTION_LOG, where, columns=["job_id", "biz_dt"])
    return frozenset((str(row["job_id"]), str(row["biz_dt"])) for row in rows)


def runs_without_end(store: ControlStore, job_id: str, biz_dts: Collection[str]) -> frozenset[str]:
    """Return the runs of a job and these dates that may not have ended, by their rows.

    Those are Started rows, and rows that say that an application may go on.
    """
    where = {"job_id": job_id, "biz_dt": sorted(biz_dts)}
    rows = store.read(EXECUTION_LOG, where, columns=["run_id", "status"])
    return frozenset(
        str(row["run_id"])
        for row in rows
        if row["run_id"] and (row["status"] == STARTED or MAY_GO_ON.search(str(row["status"])))
    )
