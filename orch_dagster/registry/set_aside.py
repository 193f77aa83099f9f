"""Findings on stored rows that are set aside, as a value of theirs can't be used."""

from __future__ import annotations

from collections.abc import Mapping

from orch_dagster.control.stored_rows import BadRow
from orch_dagster.control.tables import JOB_DEPENDENCY, JOB_MASTER
from orch_dagster.registry.jobs import Finding

_COLUMNS_OF_JOB = {
    JOB_MASTER.name: ("job_id", "job_name"),
    JOB_DEPENDENCY.name: ("dependent_job_id", "dependent_job_name"),
}


def set_aside_finding(row: BadRow, ids: Mapping[str, str]) -> Finding:
    """Return the finding on a row; it names the job that can't run without the row, if any.

    Args:
        row: The row.
        ids: job_id by job_name.
    """
    job_id = name = None
    if columns := _COLUMNS_OF_JOB.get(row.table.name):
        job_id, name = map(row.text, columns)
    reason = (
        f"set aside, as {row.reason}; write it anew with all its columns, or remove it with "
        f"`orch remove --set-aside {row.handle}`"
    )
    place = row.problems[0][0]
    return Finding(row.table.name, row.key, reason, job_id or ids.get(name or "", ""), place=place)
