"""The jobs of a schedule that wait for jobs outside its runs."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from orch_dagster.registry.jobs import JobSpec


def blocked_jobs(specs: Sequence[JobSpec], completed: Collection[str]) -> tuple[str, ...]:
    """Return the names of the jobs with an incomplete parent outside the run, however far up.

    Args:
        specs: The jobs of the run, parents first.
        completed: job_ids of the parents outside that have completed the run's date.
    """
    in_run = {spec.job_id for spec in specs}
    blocked: dict[str, str] = {}
    for spec in specs:
        if any(
            parent in blocked if parent in in_run else parent not in completed
            for parent in spec.parents
        ):
            blocked[spec.job_id] = spec.job_name
    return tuple(blocked.values())
