"""A fault of a row of the control tables, with the job that it is about."""

from __future__ import annotations

from dataclasses import dataclass

from orch_dagster.control.tables import JOB_MASTER


@dataclass(frozen=True)
class Finding:
    """A fault of a row.

    Attributes:
        table: The row's table.
        key: The row's key, such as ``job_id=JOB_1001``.
        reason: The fault and the remedy.
        job_id: The job that the row is about.
        is_warning: True if the job runs all the same.
        place: The column, or the place in its JSON: context_params.sinks[0].path; '' for the row.
        is_tolerated: True for a warning on a stored row that `orch apply` refuses in a given one.
    """

    table: str
    key: str
    reason: str
    job_id: str
    is_warning: bool = False
    place: str = ""
    is_tolerated: bool = False

    def __str__(self) -> str:
        return f"{self.table} ({self.key}): {self.reason}"


def job_finding(job_id: str, reason: str, place: str = "", *, is_warning: bool = False) -> Finding:
    """Return a finding on a row of job_master."""
    return Finding(JOB_MASTER.name, f"job_id={job_id}", reason, job_id, is_warning, place)


def context_finding(
    job_id: str, fault: str, *, is_warning: bool = False, is_tolerated: bool = False
) -> Finding:
    """Return a finding on context_params, whose fault begins with its place in the JSON."""
    place = f"context_params.{fault.partition(':')[0]}"
    reason = f"context_params: {fault}"
    return Finding(
        JOB_MASTER.name, f"job_id={job_id}", reason, job_id, is_warning, place, is_tolerated
    )
