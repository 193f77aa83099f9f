"""Digests that tell a job's snapshot from another's."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest
from dagster._serdes import create_snapshot_id

from orch_dagster.defs.dagster_internals.job_content import (
    job_content,
    set_snapshot_id,
    snapshot_id,
)


def compute(context, _inputs):  # type: ignore[no-untyped-def]
    del context
    yield dg.Output(None)


def job(**changes: Any) -> dg.JobDefinition:
    """A job of two ops, of which the second waits for the first; changed as named."""
    parts: dict[str, Any] = {"name": "of_two", "about": "About", "waits": True}
    second: dict[str, Any] = {
        "name": "second",
        "description": "An op",
        "tags": {"orch/job_id": "JOB_2"},
        "ins": {"parent_0": dg.In(dg.Nothing)},
        "outs": {"result": dg.Out(dg.Nothing)},
    }
    parts |= {name: value for name, value in changes.items() if name in parts}
    second |= {name: value for name, value in changes.items() if name in second}
    first = dg.OpDefinition(compute, "first", outs={"result": dg.Out(dg.Nothing)})
    input_name = next(iter(second["ins"]))
    return dg.GraphDefinition(
        parts["name"],
        description=parts["about"],
        node_defs=[first, dg.OpDefinition(compute, **{**second, "name": "second"})],
        dependencies={"second": {input_name: dg.DependencyDefinition("first")}}
        if parts["waits"]
        else {},
    ).to_job(tags=changes.get("job_tags"), metadata=changes.get("metadata"))


CHANGES: list[dict[str, Any]] = [
    {"name": "of_both"},
    {"about": "Other"},
    {"description": "Another op"},
    {"tags": {"orch/job_id": "JOB_3"}},
    {"ins": {"parent_1": dg.In(dg.Nothing)}},
    {"ins": {"parent_0": dg.In(dg.Nothing, description="Waits")}},
    {"outs": {"result": dg.Out(dg.Nothing), "check": dg.Out(dg.Nothing)}},
    {"job_tags": {"team": "risk"}},
    {"waits": False, "ins": {"parent_0": dg.In(dg.Nothing)}},
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: " ".join(change))
def test_it_changes_with_the_snapshot(change: dict[str, Any]) -> None:
    same, changed = job(), job(**change)
    assert snapshot_id(changed) != snapshot_id(same)
    assert job_content(changed) != job_content(same)


def test_it_is_the_same_for_the_same_job() -> None:
    assert job_content(job()) == job_content(job())
    assert snapshot_id(job()) == snapshot_id(job())


def test_a_job_with_metadata_has_none() -> None:
    assert job_content(job(metadata={"owner": "risk"})) is None


def test_an_id_is_that_of_the_snapshots_text() -> None:
    made = job()
    assert snapshot_id(made) == create_snapshot_id(made.get_job_snapshot())


def test_an_id_that_is_set_is_sent_and_the_snapshot_stays_to_be_had() -> None:
    made, known = job(), snapshot_id(job())
    set_snapshot_id(made, known)
    assert snapshot_id(made) == known
    assert made.get_job_snapshot().snapshot_id == known
    # As of a run of some of its ops.
    lineage = made.get_subset(op_selection=["first"]).get_job_snapshot().lineage_snapshot
    assert lineage is not None
    assert lineage.parent_snapshot_id == known
