"""Which jobs of a schedule wait for jobs that its runs do not have."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from orch_dagster.registry.jobs import JobSpec


def blocked_jobs(specs: Sequence[JobSpec], completed: Collection[str]) -> tuple[str, ...]:
    """The names of the jobs that cannot be in one run now: a parent outside, however far up, has
    not completed.

    Args:
        specs: The jobs of the run, parents first.
        completed: job_ids of the parents outside that have completed the run's date.
    """
    in_run = {spec.job_id for spec in specs}
    waiting: dict[str, str] = {}
    for spec in specs:
        if any(
            parent in waiting if parent in in_run else parent not in completed
            for parent in spec.parents
        ):
            waiting[spec.job_id] = spec.job_name
    return tuple(waiting.values())
