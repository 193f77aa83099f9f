"""execution_log made anew from the event log: what was there, byte for byte, and no more."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from dagster import DagsterEventType, DagsterRun
from dagster._core.events import DagsterEvent, JobFailureData
from dagster._utils.error import serializable_error_info_from_exc_info

from orch_dagster.control.records import ExecutionLog
from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import EXECUTION_LOG, JOB_MASTER, Row
from orch_dagster.defs.runs.rebuild import Rebuilt, rebuild, rows_that_differ
from orch_dagster.errors import OrchError
from tests.code_location import add_jobs, open_date
from tests.played_runs import Played

DAYS = ("2024-05-15", "2024-05-16")


class Recorded:
    """A store that tells what is written to it."""

    def __init__(self, store: ControlStore) -> None:
        self._store = store
        self.written: list[str] = []

    def insert_ignore(self, table: object, rows: list[Row]) -> None:
        self.written += [str(row["id"]) for row in rows]
        self._store.insert_ignore(table, rows)  # type: ignore[arg-type]

    def upsert(self, table: object, rows: list[Row]) -> None:
        self.written += [str(row["id"]) for row in rows]
        self._store.upsert(table, rows)  # type: ignore[arg-type]

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)


@pytest.fixture
def location(store: ControlStore, played: Callable[[], Played]) -> Played:
    """Two jobs, one after the other, and two open dates."""
    add_jobs(store, "FPMS", {"first": [], "second": ["first"]})
    for day in DAYS:
        open_date(store, "FPMS", day)
    return played()


def rebuilt(played: Played, store: ControlStore | None = None) -> Rebuilt:
    return rebuild(played.instance, store or played.store, played.location.location.job_ids)


def play(played: Played) -> dict[str, DagsterRun]:
    """A run of each end, and one that goes on; their rows are as the step and the sensor left them.

    By what became of them.
    """
    runs = {
        "completed": played.start("gels_fpms", DAYS[0]),
        "failed": played.start("first", DAYS[1]),
        "canceled": played.start("second", DAYS[1]),
        "going": played.start("first", DAYS[0]),
        "unbegun": played.start("gels_fpms", DAYS[0]),
    }
    played.run(runs["completed"], first="completed", second="completed")
    played.run(runs["failed"], first="failed")
    played.instance.report_run_canceled(runs["canceled"])
    played.begin(runs["going"], "first")
    # It failed before any step began: its first job has a row, and the one after that has none.
    played.end(runs["unbegun"], ok=False)
    played.sense("execution_log")
    return runs


def test_rows_that_were_lost_come_back_as_they_were(location: Played, store: ControlStore) -> None:
    play(location)
    before = store.read(EXECUTION_LOG)
    assert sorted(str(row["status"]) for row in before) == [
        "Canceled", "Completed", "Completed", "Failed: no rows", "Failed: steps failed", "Started"
    ]  # fmt: skip
    store.delete(EXECUTION_LOG, before)

    assert rebuilt(location) == Rebuilt(runs=5, rows=6, written=6, died=[])
    assert store.read(EXECUTION_LOG) == before


def test_of_settled_runs_nothing_is_written(location: Played, store: ControlStore) -> None:
    play(location)
    before = store.read(EXECUTION_LOG)
    recorded = Recorded(store)

    assert rebuilt(location, recorded) == Rebuilt(runs=5, rows=6, written=0, died=[])  # type: ignore[arg-type]
    assert recorded.written == []
    assert store.read(EXECUTION_LOG) == before


def test_only_the_row_that_differs_is_written(location: Played, store: ControlStore) -> None:
    play(location)
    before = store.read(EXECUTION_LOG)
    (wrong,) = [row for row in before if row["status"] == "Canceled"]
    store.upsert(EXECUTION_LOG, [{"id": wrong["id"], "status": "Completed"}])
    recorded = Recorded(store)

    assert rebuilt(location, recorded).written == 1  # type: ignore[arg-type]
    assert recorded.written == [wrong["id"]]
    assert store.read(EXECUTION_LOG) == before


def test_what_the_store_has_no_column_for_is_no_difference(
    location: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = location.start("first", DAYS[0])
    location.begin(run, "first").end_all("completed", row_counts={DAYS[0]: 7})
    location.end(run)
    (row,) = location.store.read(EXECUTION_LOG)
    assert row["row_count"] == 7
    location.store.update(EXECUTION_LOG, [{"id": row["id"], "row_count": None}])
    with monkeypatch.context() as older:
        older.setattr(location.store, "lacking_columns", lambda *_: frozenset({"row_count"}))
        assert rebuilt(location).written == 0
    assert rebuilt(location).written == 1
    assert location.store.read(EXECUTION_LOG) == [row]


def test_a_job_that_was_deleted_has_the_rows_of_its_steps(
    location: Played, store: ControlStore, played: Callable[[], Played]
) -> None:
    play(location)
    before = [row for row in store.read(EXECUTION_LOG) if row["job_name"] == "first"]
    store.delete(EXECUTION_LOG, store.read(EXECUTION_LOG))
    store.delete(JOB_MASTER, [{"job_id": "first"}])

    rebuild(location.instance, store, {"second": "second"})
    after = [row for row in store.read(EXECUTION_LOG) if row["job_name"] == "first"]
    # Also of the run that failed before the job began, as its plan names the job's id.
    assert len(after) == 4
    assert after == before


def test_a_run_whose_process_never_said_that_it_lives_is_failed_after_a_silence(
    location: Played, store: ControlStore
) -> None:
    run = location.start("gels_fpms", DAYS[0])
    assert rebuilt(location) == Rebuilt(runs=1, rows=0, written=0, died=[])

    job_ids = location.location.location.job_ids
    # Another location's, as none of its steps is ours.
    assert rebuild(location.instance, store, {"other": "1"}, heartbeat_timeout_s=0).died == []
    assert rebuild(location.instance, store, job_ids, heartbeat_timeout_s=0).died == [run.run_id]
    (row,) = store.read(EXECUTION_LOG)
    assert (row["job_name"], row["status"]) == ("first", "Failed: the orchestrator died")


def test_a_run_that_failed_outside_its_steps_says_by_what(
    location: Played, store: ControlStore
) -> None:
    run = location.start("first", DAYS[0])
    try:
        raise RuntimeError("a run") from OSError("disk full")
    except RuntimeError:
        error = serializable_error_info_from_exc_info(sys.exc_info())
    failed = DagsterEvent(
        DagsterEventType.RUN_FAILURE.value,
        "first",
        event_specific_data=JobFailureData(error),
        message="Execution of run failed. An exception was thrown during execution.",
    )
    location.instance.report_dagster_event(failed, run.run_id)
    rebuilt(location)
    (row,) = store.read(EXECUTION_LOG)
    assert row["status"] == "Failed: OSError: disk full"


def test_a_worker_whose_code_server_found_it_gone_is_an_orchestrator_that_died(
    location: Played, store: ControlStore
) -> None:
    # As the server says it, without a reason of its own.
    location.instance.report_run_failed(location.start("first", DAYS[0]))
    rebuilt(location)
    (row,) = store.read(EXECUTION_LOG)
    assert row["status"] == "Failed: the orchestrator died"


def test_only_runs_since_a_moment_which_it_includes(location: Played, store: ControlStore) -> None:
    run = play(location)["failed"]
    store.delete(EXECUTION_LOG, store.read(EXECUTION_LOG))
    record = location.instance.get_run_record_by_id(run.run_id)
    assert record is not None
    created = record.create_timestamp

    later = rebuild(location.instance, store, {}, created + timedelta(microseconds=1))
    assert run.run_id not in {row["run_id"] for row in store.read(EXECUTION_LOG)}
    from_then = rebuild(location.instance, store, {}, created)
    assert run.run_id in {row["run_id"] for row in store.read(EXECUTION_LOG)}
    assert from_then.runs == later.runs + 1


def test_a_run_that_is_deleted_between_two_pages_is_told(
    location: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [location.start("first", DAYS[0]) for _ in range(3)]
    monkeypatch.setattr("orch_dagster.defs.runs.rebuild._RUNS_A_PAGE", 1)
    real = location.instance.all_logs

    def all_logs(run_id: str, **options: object) -> object:
        """The second run's, which somebody deletes just then."""
        found = real(run_id, **options)  # type: ignore[arg-type]
        if run_id == runs[1].run_id:
            location.instance.delete_run(run_id)
        return found

    monkeypatch.setattr(location.instance, "all_logs", all_logs)
    with pytest.raises(OrchError, match=f"run {runs[1].run_id} was deleted meanwhile"):
        rebuilt(location)


def test_what_differs() -> None:
    row = ExecutionLog("1", job_name="a", status="Completed", attempts=1)
    there = {"1": replace(row, spark_app_id="app-1")}

    assert rows_that_differ([row], {}) == [row]
    # A value is never replaced by null.
    assert rows_that_differ([row], there) == []
    # But for what the job waited for when its process died.
    waited = {"1": replace(row, error_message="waiting for YARN: no node")}
    assert rows_that_differ([row], waited) == [row]
    assert rows_that_differ([replace(row, attempts=2)], there) == [replace(row, attempts=2)]
    assert rows_that_differ([replace(row, status="Started")], there) == []
    assert rows_that_differ([replace(row, status="Started")], {}) != []
