"""A run's events, read from its file as Dagster reads them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest
from dagster import DagsterEventType, DagsterInstance, DagsterRun
from dagster._core.errors import DagsterEventLogInvalidForRun
from sqlalchemy.exc import DatabaseError

from orch_dagster.defs.dagster_internals.run_events import events_after, events_of_run

KINDS = {DagsterEventType.ENGINE_EVENT, DagsterEventType.RUN_FAILURE}


def a_run(instance: DagsterInstance) -> DagsterRun:
    """One that failed, with events of several kinds."""

    @dg.job
    def job() -> None:
        pass

    run = instance.create_run_for_job(job)
    for number in range(3):
        instance.report_engine_event(f"word {number}", run)
    instance.report_run_canceling(run)
    instance.report_run_failed(run, "died")
    return run


def files(instance_home: Path) -> set[str]:
    return {path.name for path in instance_home.rglob("*.db*")}


def test_a_file_gives_what_dagster_gives(
    stored: DagsterInstance, instance_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, other = a_run(stored), a_run(stored)
    wanted = {one: stored.all_logs(one, of_type=KINDS) for one in (run.run_id, other.run_id)}
    before = files(instance_home)
    with DagsterInstance.local_temp(str(instance_home)) as new:
        # Dagster's own way is the slow one.
        monkeypatch.setattr(new, "all_logs", None)
        for run_id, entries in wanted.items():
            assert len(entries) == 4
            assert events_of_run(new, run_id, KINDS) == entries
    assert files(instance_home) == before


def test_a_run_without_a_file_has_no_events(stored: DagsterInstance) -> None:
    assert events_of_run(stored, "a-run", KINDS) == []


def test_of_a_file_that_cannot_be_read_dagster_says_so(
    stored: DagsterInstance, instance_home: Path
) -> None:
    run = a_run(stored)
    (path,) = instance_home.rglob(f"{run.run_id}.db")
    path.write_bytes(b"no database" * 100)
    with pytest.raises(DatabaseError, match="not a database"):
        events_of_run(stored, run.run_id, KINDS)


@pytest.mark.parametrize("event", ["no JSON", "{}", '{"__class__": "Unknown"}'])
def test_of_an_event_that_cannot_be_read_dagster_names_the_run(
    stored: DagsterInstance, instance_home: Path, event: str
) -> None:
    run = a_run(stored)
    (path,) = instance_home.rglob(f"{run.run_id}.db")
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute("UPDATE event_logs SET event = ? WHERE id = 2", (event,))
    with pytest.raises(DagsterEventLogInvalidForRun, match=run.run_id):
        events_of_run(stored, run.run_id, KINDS)


def test_another_storage_is_asked_itself() -> None:
    with DagsterInstance.ephemeral() as instance:
        run = a_run(instance)
        found = events_of_run(instance, run.run_id, KINDS)
        assert [str(entry.dagster_event and entry.dagster_event.message) for entry in found] == [
            "word 0", "word 1", "word 2", "died"
        ]  # fmt: skip


def test_events_come_once_as_they_are_written(instance: DagsterInstance) -> None:
    run = a_run(instance)
    events, cursor = events_after(instance, run.run_id, None, KINDS)
    assert [event.message for event in events] == ["word 0", "word 1", "word 2", "died"]
    assert events_after(instance, run.run_id, cursor, KINDS)[0] == []

    instance.report_engine_event("word 3", run)
    events, _ = events_after(instance, run.run_id, cursor, KINDS)
    assert [event.message for event in events] == ["word 3"]
