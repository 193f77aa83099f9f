"""Tags and ends of runs from outside of their process; ids of runs."""

from __future__ import annotations

import dagster as dg
import pytest
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus

from orch_dagster.defs.dagster_internals import run_changes
from orch_dagster.defs.dagster_internals.run_changes import fail_run, run_ids, tag_run


def a_run(instance: DagsterInstance) -> DagsterRun:
    @dg.job
    def job() -> None:
        pass

    return instance.create_run_for_job(job, tags={"kept": "1", "heartbeat": "1"})


def again(instance: DagsterInstance, run: DagsterRun) -> DagsterRun:
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    return found


def test_a_tag_takes_the_place_of_its_name_alone(instance: DagsterInstance) -> None:
    run = a_run(instance)
    tag_run(instance, run.run_id, {"heartbeat": "2", "new": "3"})
    tags = again(instance, run).tags
    assert {name: tags[name] for name in ("kept", "heartbeat", "new")} == {
        "kept": "1",
        "heartbeat": "2",
        "new": "3",
    }


def test_runs_are_found_by_the_new_tag(instance: DagsterInstance) -> None:
    run, _ = a_run(instance), a_run(instance)
    tag_run(instance, run.run_id, {"heartbeat": "2"})
    (record,) = instance.get_run_records(dg.RunsFilter(tags={"heartbeat": "2"}))
    assert record.dagster_run.run_id == run.run_id


def test_a_run_is_failed_with_its_reason(instance: DagsterInstance) -> None:
    run = a_run(instance)
    fail_run(instance, run, "the orchestrator died")
    assert again(instance, run).status is DagsterRunStatus.FAILURE
    (entry,) = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.RUN_FAILURE)
    assert entry.dagster_event is not None
    assert entry.dagster_event.message == "the orchestrator died"


def test_all_ids_come_the_newest_first(
    instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_changes, "_PAGE", 2)
    made = [a_run(instance).run_id for _ in range(5)]
    assert list(run_ids(instance)) == made[::-1]
