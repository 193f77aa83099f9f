"""The ended runs of a tick: written page by page, and told as often as they ended."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest
from dagster import DagsterInstance, DagsterRun
from dagster._core.events import EngineEventData
from dagster._utils.error import serializable_error_info_from_exc_info

from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import EXECUTION_LOG, JOB_DEPENDENCY, JOB_MASTER
from orch_dagster.defs.partitions import tags_of
from orch_dagster.defs.runs.history import HistoryReader
from orch_dagster.defs.runs.log_sensor import EndedRun, project_ended_runs
from orch_dagster.defs.runs.rebuild import rebuild
from orch_dagster.defs.step.log_writer import ExecutionLogWriter, StepRun, first_report
from orch_dagster.errors import StoreError
from orch_dagster.execution_log import LEFT_OUT, project
from tests.code_location import add_jobs, open_date
from tests.played_runs import Played

DAYS = ("2024-05-15", "2024-05-16", "2024-05-17")


@pytest.fixture
def dagster(store: ControlStore, played: Callable[[], Played]) -> Played:
    """Two jobs, one after the other, three open dates, and none of their rows."""
    add_jobs(store, "FPMS", {"first": [], "second": ["first"]})
    for day in DAYS:
        open_date(store, "FPMS", day)
    return played()


def play(dagster: Played) -> list[DagsterRun]:
    """Runs whose rows lack different columns; the store has no row of them.

    Of `first`, with an application, without one, and one that never spoke; of both, one after the
    other and none before it was canceled.
    """
    runs = [dagster.start("gels_fpms", day) for day in DAYS]
    runs += [dagster.start("first", day) for day in DAYS]
    dagster.run(runs[0], first="completed", second="completed")
    dagster.run(runs[1], first="failed")
    dagster.instance.report_run_canceled(runs[2])
    log = dagster.begin(runs[3], "first")
    log.set_application("application_1")
    log.end_all("completed")
    dagster.end(runs[3])
    dagster.run(runs[4], first="completed")
    dagster.end(runs[5], ok=False)
    dagster.store.delete(EXECUTION_LOG, dagster.store.read(EXECUTION_LOG, columns=["id"]))
    return runs


def tick(dagster: Played) -> tuple[dict[str, int], list[EndedRun]]:
    """From the first end on."""
    job_ids = dagster.location.location.job_ids
    return project_ended_runs(dagster.instance, dagster.store, job_ids, {})


@pytest.mark.parametrize("page", [1, 2, 50])
def test_runs_of_a_page_keep_their_own_nulls(
    dagster: Played, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    monkeypatch.setattr("orch_dagster.defs.runs.log_sensor._RUNS_A_WRITE", page)
    runs = play(dagster)
    _, ended = tick(dagster)

    reader = HistoryReader(dagster.instance, dagster.location.location.job_ids)
    wanted = [
        row.to_row()
        for run in runs
        if (record := dagster.instance.get_run_record_by_id(run.run_id))
        for row in project(reader.read(record))
    ]
    rows = dagster.store.read(EXECUTION_LOG)
    assert rows == sorted(wanted, key=lambda row: str(row["id"]))
    assert {one.run.run_id for one in ended} == {run.run_id for run in runs}
    # No step of these has told how many rows it landed.
    assert {row.pop("row_count") for row in rows} == {None}
    nulls = {tuple(name for name, value in row.items() if value is None) for row in rows}
    assert nulls == {
        ("spark_app_id", "error_message"),
        ("spark_app_id",),
        ("spark_app_id", "start_time", "duration", "error_message"),
        ("error_message",),
        ("spark_app_id", "start_time", "duration"),
    }


def test_a_run_that_was_deleted_since_is_passed_by(dagster: Played) -> None:
    deleted, kept = (dagster.start("first", day) for day in DAYS[:2])
    for run in (deleted, kept):
        dagster.run(run, first="completed")
    before = dagster.store.read(EXECUTION_LOG)
    # Its events are left, as of one that goes while a tick has read its end.
    dagster.instance.run_storage.delete_run(deleted.run_id)
    cursor, ended = tick(dagster)

    assert [one.run.run_id for one in ended] == [kept.run_id]
    assert dagster.store.read(EXECUTION_LOG) == before
    job_ids = dagster.location.location.job_ids
    assert project_ended_runs(dagster.instance, dagster.store, job_ids, cursor) == (cursor, [])


def test_a_run_is_told_as_often_as_it_ended(dagster: Played) -> None:
    run = dagster.start("first", DAYS[0])
    dagster.run(run, first="completed")
    dagster.end(run, ok=False)
    _, ended = tick(dagster)

    assert [one.run.run_id for one in ended] == [run.run_id] * 2
    assert ended[0].rows == ended[1].rows
    (row,) = dagster.store.read(EXECUTION_LOG)
    assert row["status"] == "Completed"


def test_of_many_dates_an_end_names_only_its_own(dagster: Played, store: ControlStore) -> None:
    run = dagster.launch("first", dg.RunRequest(tags=tags_of(DAYS)))
    record = dagster.instance.get_run_record_by_id(run.run_id)
    assert record is not None
    spec = dagster.location.location.registry.jobs["first"]
    log = ExecutionLogWriter(
        StepRun.of(dagster.instance, record), store, pytest.fail, first_report(spec, DAYS)
    )
    log.start()
    log.fail({DAYS[1]: "no rows"})
    history = HistoryReader(dagster.instance, {}).read(record)
    before = store.read(EXECUTION_LOG)
    assert [row["status"] for row in sorted(before, key=lambda row: str(row["biz_dt"]))] == [
        "Started", "Failed: no rows", "Started"
    ]  # fmt: skip
    assert before == sorted(
        (row.to_row() for row in project(history)), key=lambda row: str(row["id"])
    )
    log.end_all("completed")
    dagster.end(run)
    tick(dagster)

    said = HistoryReader(dagster.instance, {}).read(record).reports
    assert [word.biz_dts for word in said] == [DAYS, (DAYS[1],), (DAYS[0], DAYS[2])]
    statuses = {row["biz_dt"]: row["status"] for row in store.read(EXECUTION_LOG)}
    assert statuses == dict(zip(DAYS, ("Completed", "Failed: no rows", "Completed"), strict=True))


def test_an_outage_after_some_pages_loses_nothing(
    dagster: Played, store: ControlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orch_dagster.defs.runs.log_sensor._RUNS_A_WRITE", 1)
    runs = play(dagster)
    _, ended = tick(dagster)
    whole = store.read(EXECUTION_LOG)
    store.delete(EXECUTION_LOG, whole)
    last = ended[-1].run.run_id
    database = dagster.location.location.settings.state_dir / "control.db"
    with closing(sqlite3.connect(database, isolation_level=None)) as control:
        control.execute(
            "CREATE TRIGGER outage BEFORE INSERT ON execution_log "
            f"WHEN NEW.run_id = '{last}' BEGIN SELECT RAISE(ABORT, 'no space'); END"
        )
        with pytest.raises(StoreError, match="no space"):
            dagster.sense("execution_log")
        assert dagster.cursors.get("execution_log") is None
        assert 0 < len(store.read(EXECUTION_LOG)) < len(whole)
        control.execute("DROP TRIGGER outage")

    dagster.sense("execution_log")
    assert store.read(EXECUTION_LOG) == whole
    assert {row["run_id"] for row in whole} == {run.run_id for run in runs}


def test_rows_of_the_default_storage(dagster: Played, store: ControlStore, tmp_path: Path) -> None:
    """There each run has a file of events of its own, which a new instance has not opened yet."""
    home = tmp_path / "files"
    home.mkdir()
    with DagsterInstance.local_temp(str(home)) as instance:
        dagster.instance = instance
        runs = play(dagster)
        ids = {row.id for one in tick(dagster)[1] for row in one.rows}
        there = store.read(EXECUTION_LOG)
        assert {row["run_id"] for row in there} == {run.run_id for run in runs}
        assert {row["id"] for row in there} == ids
        # A step's own words are the rows, byte for byte.
        store.delete(EXECUTION_LOG, there)
    with DagsterInstance.local_temp(str(home)) as dagster.instance:
        tick(dagster)
        assert store.read(EXECUTION_LOG) == there


def could_not_begin(dagster: Played, run: DagsterRun, job_name: str) -> None:
    """What a run leaves whose job is gone when its process loads the location."""
    try:
        dagster.location.get_job(job_name)
    except dg.DagsterInvariantViolationError:
        error = serializable_error_info_from_exc_info(sys.exc_info())
        dagster.instance.report_engine_event(
            "Could not load job definition.", run, EngineEventData.engine_error(error)
        )
    dagster.instance.report_run_failed(run)


def test_a_job_that_was_removed_while_its_run_was_queued_has_a_row_with_the_reason(
    dagster: Played, store: ControlStore, played: Callable[[], Played]
) -> None:
    run = dagster.start("second", DAYS[0])
    store.delete(JOB_MASTER, [{"job_id": "second"}])
    reloaded = played()
    could_not_begin(reloaded, run, "second")

    reloaded.sense("execution_log")
    (row,) = store.read(EXECUTION_LOG)
    assert (row["job_id"], row["job_name"], row["biz_dt"]) == ("second", "second", DAYS[0])
    assert row["status"] == (
        "Failed: the run could not begin: no job second: job_master has no valid row of that "
        "name; see `orch doctor`"
    )
    assert rebuild(reloaded.instance, store, reloaded.location.location.job_ids).written == 0


def test_a_group_that_lost_a_job_while_its_run_was_queued_completes_the_others(
    dagster: Played, store: ControlStore, played: Callable[[], Played]
) -> None:
    run = dagster.start("gels_fpms", DAYS[0])
    store.delete(JOB_MASTER, [{"job_id": "second"}])
    store.delete(JOB_DEPENDENCY, store.read(JOB_DEPENDENCY))
    reloaded = played()
    reloaded.run(run, first="completed")

    # The sensor of a location that was not loaded again tells the same.
    for location in (dagster, reloaded):
        location.sense("execution_log")
        statuses = {row["job_name"]: row["status"] for row in store.read(EXECUTION_LOG)}
        assert statuses == {"first": "Completed", "second": f"Failed: {LEFT_OUT}"}


def test_a_run_of_another_control_store_leaves_no_row_here(
    dagster: Played, store: ControlStore
) -> None:
    run = dagster.start("second", DAYS[0])
    dagster.end(run, ok=False)
    record = dagster.instance.get_run_record_by_id(run.run_id)
    assert record is not None
    assert project(HistoryReader(dagster.instance, {}, "postgresql://elsewhere").read(record)) == []
    (row,) = project(HistoryReader(dagster.instance, {}, store.address).read(record))
    assert row.job_id == "second"
