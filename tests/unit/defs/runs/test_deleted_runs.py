"""Rows that say Started although Dagster no longer has their run: ended, living, or unknown."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from dagster import DagsterInstance, DagsterRun

from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import EXECUTION_LOG
from orch_dagster.defs.runs.deleted_runs import (
    DECLARED_GONE,
    RUN_DELETED,
    DeletedRunsWatch,
    end_deleted_runs,
)
from orch_dagster.defs.runs.liveness import (
    HEARTBEAT_TAG,
    HOST_TAG,
    PID_STARTED_TAG,
    PID_TAG,
    process_tags,
    write_process,
)
from orch_dagster.errors import UnknownRunError
from tests.code_location import add_jobs, open_date
from tests.played_runs import Played

DAY = "2024-05-15"
TIMEOUT_S = 300.0


@pytest.fixture
def location(store: ControlStore, played: Callable[[], Played]) -> Played:
    """Two jobs, one after the other, and an open date."""
    add_jobs(store, "FPMS", {"first": [], "second": ["first"]})
    open_date(store, "FPMS", DAY)
    return played()


@pytest.fixture
def params(location: Played) -> Path:
    return location.location.location.settings.params_dir


def dead_here() -> dict[str, str]:
    """The tags of a process of this host that is gone: its pid began at another time."""
    return {**process_tags(), PID_STARTED_TAG: "1.00"}


def elsewhere(silent_s: float) -> dict[str, str]:
    """The tags of a process of another host."""
    return {
        HOST_TAG: f"not-{socket.gethostname()}",
        PID_TAG: "1",
        PID_STARTED_TAG: "1.00",
        HEARTBEAT_TAG: f"{time.time() - silent_s:.0f}",
    }


def begun(location: Played, *jobs: str) -> DagsterRun:
    """A run of both jobs that was deleted while the last of these ran."""
    run = location.start("gels_fpms", DAY)
    for job in jobs[:-1]:
        location.step(run, job)
    location.begin(run, jobs[-1])
    location.instance.delete_run(run.run_id)
    return run


def statuses(store: ControlStore) -> dict[str, str]:
    return {str(row["job_name"]): str(row["status"]) for row in store.read(EXECUTION_LOG)}


def look(
    location: Played, params: Path, *, since: datetime | None = None, gone: tuple[str, ...] = ()
) -> tuple[int, int]:
    """How many rows were ended, and how many are unknown."""
    found = end_deleted_runs(
        location.instance, location.store, params, TIMEOUT_S, since=since, gone=gone
    )
    return len(found.ended), len(found.unknown)


@pytest.mark.parametrize("is_here", [True, False])
def test_a_run_that_was_killed_and_deleted_ends_what_it_had_begun(
    location: Played, params: Path, is_here: bool
) -> None:
    run = begun(location, "first", "second")
    process = dead_here() if is_here else elsewhere(TIMEOUT_S + 10)
    write_process(params, run.run_id, process)

    assert look(location, params) == (1, 0)
    assert statuses(location.store) == {"first": "Completed", "second": f"Failed: {RUN_DELETED}"}
    (row,) = location.store.read(EXECUTION_LOG, {"job_name": "second"})
    assert row["error_message"] == RUN_DELETED
    # The last time at which the process lived, but not before the step began.
    lived_at = datetime.fromtimestamp(float(process[HEARTBEAT_TAG]), tz=timezone.utc)
    started_at = row["start_time"]
    assert isinstance(started_at, datetime)
    assert row["end_time"] == max(lived_at, started_at)
    before = location.store.read(EXECUTION_LOG)
    assert look(location, params) == (0, 0)
    assert location.store.read(EXECUTION_LOG) == before


@pytest.mark.parametrize("is_here", [True, False])
def test_a_run_whose_process_lives_writes_its_own_end(
    location: Played, params: Path, is_here: bool
) -> None:
    run = begun(location, "first")
    write_process(params, run.run_id, process_tags() if is_here else elsewhere(TIMEOUT_S - 60))

    assert look(location, params) == (0, 0)
    assert statuses(location.store) == {"first": "Started"}
    with pytest.raises(UnknownRunError, match=f"the process of run {run.run_id} lives"):
        look(location, params, gone=(run.run_id,))
    assert statuses(location.store) == {"first": "Started"}


def test_a_run_that_nothing_here_knows_is_unknown_until_somebody_says_it_is_over(
    location: Played, params: Path
) -> None:
    run, other = begun(location, "first"), begun(location, "first")

    assert look(location, params) == (0, 2)
    assert statuses(location.store) == {"first": "Started"}
    (params / run.run_id).mkdir(parents=True)
    (params / run.run_id / "run.process.json").write_text("{cut")
    assert look(location, params) == (0, 2)
    assert look(location, params, gone=(run.run_id[:8],)) == (1, 1)
    of_run = {row["run_id"]: row["status"] for row in location.store.read(EXECUTION_LOG)}
    assert of_run == {run.run_id: f"Failed: {DECLARED_GONE}", other.run_id: "Started"}
    with pytest.raises(UnknownRunError, match=f"--gone {run.run_id}: no run has an id"):
        look(location, params, gone=(run.run_id,))


@pytest.mark.parametrize("row_id", ["99999999999999999999_x", "²_x", "9" * 5000 + "_x", "x"])
def test_a_row_whose_id_tells_no_time_is_of_the_earliest(
    location: Played, params: Path, row_id: str
) -> None:
    begun(location, "first")
    (row,) = location.store.read(EXECUTION_LOG)
    location.store.upsert(EXECUTION_LOG, [{**row, "id": row_id, "run_id": "another"}])
    assert look(location, params) == (0, 2)
    assert look(location, params, since=datetime(2000, 1, 1, tzinfo=timezone.utc)) == (0, 1)


def test_runs_that_dagster_has_are_left_to_their_events(location: Played, params: Path) -> None:
    run = location.start("first", DAY)
    location.begin(run, "first")
    write_process(params, run.run_id, dead_here())
    assert look(location, params) == (0, 0)
    assert statuses(location.store) == {"first": "Started"}


def test_an_end_that_is_written_meanwhile_stays(
    location: Played, params: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = location.start("first", DAY)
    log = location.begin(run, "first")
    location.instance.delete_run(run.run_id)
    write_process(params, run.run_id, dead_here())

    def gone(*_: object) -> bool:
        """The process wrote its end, and was gone then."""
        log.end_all("completed")
        return True

    monkeypatch.setattr("orch_dagster.defs.runs.deleted_runs.is_process_gone", gone)
    assert look(location, params) == (0, 0)
    assert statuses(location.store) == {"first": "Completed"}


def test_only_runs_created_since_then(location: Played, params: Path) -> None:
    run = begun(location, "first")
    write_process(params, run.run_id, dead_here())
    later = datetime.now(timezone.utc) + timedelta(minutes=1)
    assert look(location, params, since=later) == (0, 0)
    assert look(location, params, since=later - timedelta(hours=1)) == (1, 0)


def test_a_wiped_instance_leaves_no_row_started(
    location: Played, params: Path, tmp_path: Path
) -> None:
    run = begun(location, "first")
    write_process(params, run.run_id, dead_here())
    new = tmp_path / "new"
    new.mkdir()
    with DagsterInstance.local_temp(str(new)) as instance:
        location.instance = instance
        location.sense("execution_log")
    assert statuses(location.store) == {"first": f"Failed: {RUN_DELETED}"}


def test_an_unknown_run_is_named_once_and_looks_take_a_part_of_the_time(
    location: Played, params: Path
) -> None:
    run = begun(location, "first")
    # The first look takes a second, the second would come too early.
    now = iter([0.0, 1.0, 100.0, 101.0, 102.0])
    watch = DeletedRunsWatch(params, TIMEOUT_S, clock=lambda: next(now))

    (named,) = watch.look(location.instance, location.store)
    assert f"orch log rebuild --gone {run.run_id}" in named
    write_process(params, run.run_id, dead_here())
    assert watch.look(location.instance, location.store) == []
    (ended,) = watch.look(location.instance, location.store)
    assert ended == f"ended the row of first {DAY}, run {run.run_id}: {RUN_DELETED}"


def test_a_home_that_nobody_looked_at_for_long_still_tells_what_became_of_its_runs(
    location: Played, params: Path
) -> None:
    run = begun(location, "first")
    write_process(params, run.run_id, dead_here())
    long_ago = time.time() - 40 * 86_400
    for path in (*(params / run.run_id).iterdir(), params / run.run_id):
        os.utime(path, (long_ago, long_ago))
    location.sense("execution_log")
    assert statuses(location.store) == {"first": f"Failed: {RUN_DELETED}"}
    # What is that old goes in the same tick.
    assert not (params / run.run_id).exists()
