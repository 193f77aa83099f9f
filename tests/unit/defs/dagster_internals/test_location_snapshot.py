"""What a code server sends of a location."""

from __future__ import annotations

import dagster as dg

from orch_dagster.defs.dagster_internals.job_content import snapshot_id
from orch_dagster.defs.dagster_internals.location_snapshot import (
    read_snapshot,
    snapshot,
    snapshot_text,
)


@dg.job
def first() -> None:
    pass


@dg.job
def second() -> None:
    pass


defs = dg.Definitions(jobs=[first, second])


def test_a_snapshot_names_the_jobs() -> None:
    found = snapshot(defs.get_repository_def())
    assert {ref.name for ref in found.job_refs or ()} == {"first", "second"}
    # Their own snapshots are asked for later, one by one.
    assert found.job_datas is None
    # By these ids, in the text that is sent.
    text = snapshot_text(found)
    assert all(f'"{snapshot_id(job)}"' in text for job in (first, second))
    assert read_snapshot(text) == found
