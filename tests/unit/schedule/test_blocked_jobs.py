"""Which jobs of a run wait for jobs outside it."""

from __future__ import annotations

import pytest

from orch_dagster.registry.context_params import ContextParams
from orch_dagster.registry.jobs import JobSpec
from orch_dagster.schedule.blocked_jobs import blocked_jobs

CONTEXT = ContextParams(entity="GELS", source_system="FPMS")


def spec(job_id: str, *parents: str) -> JobSpec:
    return JobSpec(job_id, f"job_{job_id}", CONTEXT, "landing.py", parents=parents)


# x and y are of other runs; a needs nothing, b x, c both a and b, d x and y, e only a.
SPECS = [spec("a"), spec("b", "x"), spec("c", "a", "b"), spec("d", "x", "y"), spec("e", "a")]


@pytest.mark.parametrize(
    ("completed", "waiting"),
    [
        ([], ["job_b", "job_c", "job_d"]),
        (["x"], ["job_d"]),
        (["y"], ["job_b", "job_c", "job_d"]),
        (["x", "y"], []),
        # What a job of the run itself completed before says nothing of this run.
        (["b", "y"], ["job_b", "job_c", "job_d"]),
    ],
)
def test_what_waits(completed: list[str], waiting: list[str]) -> None:
    assert list(blocked_jobs(SPECS, completed)) == waiting


def test_nothing_waits_in_a_chain_that_has_all_its_parents() -> None:
    assert blocked_jobs([spec("a"), spec("b", "a"), spec("c", "b")], []) == ()
