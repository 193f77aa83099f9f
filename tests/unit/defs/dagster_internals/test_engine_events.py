"""Events with metadata, written at once."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
from dagster import DagsterEventType, DagsterInstance

from orch_dagster.defs.dagster_internals.engine_events import (
    engine_event_metadata,
    write_engine_event,
)


def test_an_event_is_there_for_everyone_when_the_call_is_over(
    stored: DagsterInstance, instance_home: Path
) -> None:
    @dg.job
    def job() -> None:
        pass

    run = stored.create_run_for_job(job)
    metadata = {"report": dg.MetadataValue.json({"ends": {"2024-05-15": "completed"}})}
    write_engine_event(stored, run, "first", "first ended", metadata)

    with DagsterInstance.local_temp(str(instance_home)) as other:
        (entry,) = other.all_logs(run.run_id, of_type=DagsterEventType.ENGINE_EVENT)
    event = entry.dagster_event
    assert event is not None
    assert (event.step_key, event.message) == ("first", "first ended")
    assert engine_event_metadata(event) == metadata


def test_an_event_of_dagsters_own_has_no_metadata(instance: DagsterInstance) -> None:
    @dg.job
    def job() -> None:
        pass

    run = instance.create_run_for_job(job)
    instance.report_engine_event("begun", run)
    (entry,) = instance.all_logs(run.run_id, of_type=DagsterEventType.ENGINE_EVENT)
    assert entry.dagster_event is not None
    assert engine_event_metadata(entry.dagster_event) == {}
