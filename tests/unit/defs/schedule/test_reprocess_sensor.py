"""reprocess_dt and process_dt, from the row to the run and back, by the two sensors."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster import DagsterRunStatus

from orch_dagster.control.store import ControlStore
from orch_dagster.control.stored_rows import StoredRows
from orch_dagster.control.tables import EXECUTION_LOG, PROCESS_CONTROL, SYS_PARAMS, Table
from orch_dagster.defs.partitions import RANGE_END_TAG, RANGE_START_TAG
from orch_dagster.errors import PermanentStoreError
from orch_dagster.schedule import reprocess
from tests.code_location import add_jobs, open_date, schedule_param
from tests.played_runs import Played, dates_of

SENSOR, LOG, BIZ_DT = "reprocess", "execution_log", "2024-05-15"
BOTH = {"first": "completed", "second": "completed"}
Load = Callable[[], Played]


# Due, and so it stays should a test go on past midnight.
TODAY = datetime.now(timezone.utc).date().isoformat()
YESTERDAY = (date.fromisoformat(TODAY) - timedelta(days=1)).isoformat()


@pytest.fixture
def chain(store: ControlStore) -> ControlStore:
    add_jobs(store, "FPMS", {"first": [], "second": ["first"]})
    open_date(store, "FPMS", BIZ_DT)
    return store


def set_row(store: ControlStore, **values: str | None) -> None:
    key = {"entity": "GELS", "source_system": "FPMS", "biz_dt": BIZ_DT}
    store.update(PROCESS_CONTROL, [{**key, **values}])


def get(store: ControlStore, column: str) -> object:
    where = {"entity": "GELS", "source_system": "FPMS", "biz_dt": BIZ_DT}
    (row,) = store.read(PROCESS_CONTROL, where)
    return row[column]


def last_end(store: ControlStore, zone: str = "UTC") -> str:
    """The date there on which the last job of the group completed."""
    rows = store.read(EXECUTION_LOG, {"job_id": ["first", "second"], "status": "Completed"})
    ends = [row["end_time"] for row in rows]
    return (
        max(end for end in ends if isinstance(end, datetime))
        .astimezone(ZoneInfo(zone))
        .date()
        .isoformat()
    )


def test_all_sensors_run_by_default(chain: ControlStore, played: Load) -> None:
    sensors = played().location.get_all_sensors()
    assert [sensor.name for sensor in sensors] == [LOG, "open_dates", SENSOR, "waiting_jobs"]
    assert {one.default_status for one in sensors} == {dg.DefaultSensorStatus.RUNNING}


def test_a_due_date_is_asked_for_and_taken_back_when_all_jobs_completed(
    chain: ControlStore, played: Load
) -> None:
    dagster = played()
    assert dagster.reason(SENSOR) == "No reprocess_dt is due"
    set_row(chain, reprocess_dt=TODAY, run_id="before")
    (request,) = dagster.requests(SENSOR)
    assert (request.job_name, request.asset_selection) == ("gels_fpms", None)
    assert request.run_key == f"gels_fpms {BIZ_DT} {TODAY} before"
    assert request.tags["dagster/partition"] == BIZ_DT

    run = dagster.launch("gels_fpms", request)
    assert (
        dagster.reason(SENSOR) == f"gels_fpms {BIZ_DT}: run {run.run_id} of that date has not ended"
    )
    dagster.run(run, **BOTH)
    # It has completed and the other sensor has not said so yet.
    assert dagster.requests(SENSOR) == []
    assert get(chain, "reprocess_dt") == TODAY
    dagster.sense(LOG)
    assert (get(chain, "reprocess_dt"), get(chain, "process_dt")) == (None, last_end(chain))
    assert dagster.reason(SENSOR) == "No reprocess_dt is due"

    # The same value, given anew.
    set_row(chain, reprocess_dt=TODAY)
    (again,) = dagster.requests(SENSOR)
    assert again.run_key == f"gels_fpms {BIZ_DT} {TODAY} {run.run_id}"


@pytest.mark.parametrize("fails", ["first", "second"])
def test_one_that_failed_is_not_asked_for_again_until_the_row_changes(
    chain: ControlStore, played: Load, fails: str
) -> None:
    dagster = played()
    set_row(chain, reprocess_dt=TODAY, run_id="before")
    (request,) = dagster.requests(SENSOR)
    run = dagster.launch("gels_fpms", request)
    done = {"first": "failed"} if fails == "first" else {**BOTH, "second": "failed"}
    dagster.run(run, **done)
    dagster.sense(LOG)
    # The run has noted itself on the row, which is no change of ours.
    assert get(chain, "run_id") == run.run_id
    assert (get(chain, "reprocess_dt"), get(chain, "process_dt")) == (TODAY, None)
    assert "has not completed all jobs; change reprocess_dt" in dagster.reason(SENSOR)

    set_row(chain, reprocess_dt=YESTERDAY)
    (again,) = dagster.requests(SENSOR)
    assert again.run_key == f"gels_fpms {BIZ_DT} {YESTERDAY} {run.run_id}"


def test_one_that_never_noted_itself_is_not_asked_for_again(
    chain: ControlStore, played: Load
) -> None:
    dagster = played()
    set_row(chain, reprocess_dt=TODAY)
    (request,) = dagster.requests(SENSOR)
    dagster.end(dagster.launch("gels_fpms", request), ok=False)
    assert dagster.requests(SENSOR) == []
    set_row(chain, run_id="other")
    assert len(dagster.requests(SENSOR)) == 1


def test_one_that_was_never_submitted_is_asked_for_again(chain: ControlStore, played: Load) -> None:
    dagster = played()
    set_row(chain, reprocess_dt=TODAY)
    (request,) = dagster.requests(SENSOR)
    dagster.launch("gels_fpms", request, status=DagsterRunStatus.NOT_STARTED)
    assert dagster.requests(SENSOR) == [request]


def test_a_run_that_failed_may_be_gone_on_with(chain: ControlStore, played: Load) -> None:
    dagster = played()
    set_row(chain, reprocess_dt=TODAY)
    (request,) = dagster.requests(SENSOR)
    dagster.run(dagster.launch("gels_fpms", request), first="completed", second="failed")
    dagster.sense(LOG)
    # As Dagit does it from the failed step on: the tags are those of the run that failed.
    rest = request.with_replaced_attrs(asset_selection=[dg.AssetKey(["gels", "fpms", "second"])])
    dagster.run(dagster.launch("gels_fpms", rest), second="completed")
    assert dagster.requests(SENSOR) == []
    dagster.sense(LOG)
    assert (get(chain, "reprocess_dt"), get(chain, "process_dt")) == (None, last_end(chain))


def test_a_value_that_was_changed_meanwhile_stays(chain: ControlStore, played: Load) -> None:
    dagster = played()
    set_row(chain, reprocess_dt=TODAY)
    (request,) = dagster.requests(SENSOR)
    run = dagster.launch("gels_fpms", request)
    set_row(chain, reprocess_dt=YESTERDAY)
    # Never two at a time.
    assert dagster.requests(SENSOR) == []
    dagster.run(run, **BOTH)
    dagster.sense(LOG)
    assert get(chain, "reprocess_dt") == YESTERDAY
    assert len(dagster.requests(SENSOR)) == 1


def test_a_run_by_hand_does_not_take_it_back(chain: ControlStore, played: Load) -> None:
    dagster = played()
    set_row(chain, reprocess_dt=TODAY)
    run = dagster.start("second", BIZ_DT)
    assert dagster.reason(SENSOR).endswith(f"run {run.run_id} of that date has not ended")
    dagster.run(run, second="completed")
    dagster.sense(LOG)
    assert get(chain, "reprocess_dt") == TODAY
    assert len(dagster.requests(SENSOR)) == 1


@pytest.mark.parametrize("days", [("2024-05-14", "2024-05-17"), (BIZ_DT,)])
def test_a_living_run_of_several_dates_holds_each_of_them(
    chain: ControlStore, played: Load, days: tuple[str, ...]
) -> None:
    dagster = played()
    set_row(chain, reprocess_dt=TODAY)
    # As a backfill of Dagit has it, also of one date.
    tags = {RANGE_START_TAG: days[0], RANGE_END_TAG: days[-1]}
    run = dagster.launch("second", dg.RunRequest(tags=tags))
    assert dagster.reason(SENSOR).endswith(f"run {run.run_id} of that date has not ended")
    dagster.end(run, ok=False)
    (request,) = dagster.requests(SENSOR)
    assert dates_of(request) == (BIZ_DT,)


def test_a_run_whose_dates_skip_this_one_does_not_hold_it(
    chain: ControlStore, played: Load
) -> None:
    dagster = played()
    set_row(chain, reprocess_dt=TODAY)
    dagster.start("second", "2024-05-13", "2024-05-17")
    assert len(dagster.requests(SENSOR)) == 1


@pytest.mark.parametrize("landed_by_the_other", [True, False])
def test_a_date_that_another_run_held_is_asked_for_again_when_that_is_over(
    chain: ControlStore, played: Load, landed_by_the_other: bool
) -> None:
    dagster = played()
    set_row(chain, reprocess_dt=TODAY, run_id="before")
    (request,) = dagster.requests(SENSOR)
    # A run of several dates begins between the request and its run, and has the lock.
    other = dagster.start("gels_fpms", "2024-05-14", BIZ_DT)
    run = dagster.launch("gels_fpms", request)
    dagster.run(run, first="failed")
    dagster.sense(LOG)
    assert dagster.reason(SENSOR).endswith(f"run {other.run_id} of that date has not ended")
    dagster.run(other, **(BOTH if landed_by_the_other else {"first": "failed"}))
    dagster.sense(LOG)
    assert get(chain, "reprocess_dt") == TODAY
    (again,) = dagster.requests(SENSOR)
    assert again.run_key != request.run_key
    dagster.run(dagster.launch("gels_fpms", again), **BOTH)
    dagster.sense(LOG)
    assert get(chain, "reprocess_dt") is None


def test_one_that_was_held_and_then_fails_by_itself_is_not_asked_for_again(
    chain: ControlStore, played: Load
) -> None:
    dagster = played()
    set_row(chain, reprocess_dt=TODAY)
    (request,) = dagster.requests(SENSOR)
    other = dagster.start("gels_fpms", "2024-05-14", BIZ_DT)
    dagster.run(dagster.launch("gels_fpms", request), first="failed")
    dagster.end(other)
    (again,) = dagster.requests(SENSOR)
    # It never gets to its stamp, so the row is as it was.
    dagster.end(dagster.launch("gels_fpms", again), ok=False)
    assert "has not completed all jobs" in dagster.reason(SENSOR)


LOCKED_OUT = "LockedError: first 2024-05-15: being landed by run r of another home: wait for it"


def test_a_date_that_a_process_outside_held_is_asked_for_again_later(
    chain: ControlStore, played: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    dagster = played()
    set_row(chain, reprocess_dt=TODAY)
    keys: list[str | None] = []
    requests = dagster.requests(SENSOR)
    for message in (LOCKED_OUT, LOCKED_OUT, "ValueError: no rows"):
        (request,) = requests
        keys.append(request.run_key)
        run = dagster.launch("gels_fpms", request)
        dagster.begin(run, "first").end_all("failed", message)
        dagster.end(run, ok=False)
        if message is LOCKED_OUT:
            assert "a process outside this instance held the" in dagster.reason(SENSOR)
            monkeypatch.setattr(reprocess, "_LONGEST_PAUSE", timedelta(0))
            requests = dagster.requests(SENSOR)
            monkeypatch.setattr(reprocess, "_LONGEST_PAUSE", timedelta(hours=6))
    # The last time it is its own fault.
    assert "has not completed all jobs" in dagster.reason(SENSOR)
    assert len({*keys}) == 3


def test_execution_log_is_read_once_for_all_dates_that_failed(
    chain: ControlStore, played: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = [BIZ_DT, "2024-05-16", "2024-05-17", "2024-05-20"]
    for day in days[1:]:
        open_date(chain, "FPMS", day)
    dagster = played()
    for day in days:
        key = {"entity": "GELS", "source_system": "FPMS", "biz_dt": day}
        chain.update(PROCESS_CONTROL, [{**key, "reprocess_dt": TODAY}])
    (request,) = dagster.requests(SENSOR)
    run = dagster.launch("gels_fpms", request)
    dagster.begin(run, "first").end_all("failed", LOCKED_OUT)
    dagster.end(run, ok=False)
    reads: list[object] = []
    read = type(chain).read_stored

    def counted(
        store: ControlStore, table: Table, where: Any = None, columns: Any = None
    ) -> StoredRows:
        if table is EXECUTION_LOG:
            reads.append((where or {}).get("run_id"))
        return read(store, table, where, columns)

    monkeypatch.setattr(type(chain), "read_stored", counted)
    reason = dagster.reason(SENSOR)
    assert reason.count("a process outside this instance held the") == len(days)
    assert reads.count([run.run_id]) == 1


def test_one_that_was_locked_out_beside_a_fault_of_its_own_is_not_asked_for_again(
    chain: ControlStore, played: Load
) -> None:
    add_jobs(chain, "FPMS", {"aside": []})
    dagster = played()
    set_row(chain, reprocess_dt=TODAY)
    (request,) = dagster.requests(SENSOR)
    run = dagster.launch("gels_fpms", request)
    dagster.begin(run, "first").end_all("failed", LOCKED_OUT)
    dagster.step(run, "aside", "failed")
    dagster.end(run, ok=False)
    assert "has not completed all jobs" in dagster.reason(SENSOR)


def test_one_that_lacked_a_parent_of_another_group_is_asked_for_again_when_that_completed(
    chain: ControlStore, played: Load
) -> None:
    add_jobs(chain, "OTHER", {"other": []})
    add_jobs(chain, "FPMS", {"merged": ["second", "other"]})
    open_date(chain, "OTHER", BIZ_DT)
    dagster = played()
    set_row(chain, reprocess_dt=TODAY)
    (request,) = dagster.requests(SENSOR)
    dagster.run(dagster.launch("gels_fpms", request), **BOTH, merged="failed")
    assert "has not completed all jobs" in dagster.reason(SENSOR)
    dagster.run(dagster.start("other", BIZ_DT), other="completed")
    (again,) = dagster.requests(SENSOR)
    # This time it is its own fault.
    dagster.run(dagster.launch("gels_fpms", again), **BOTH, merged="failed")
    assert "has not completed all jobs" in dagster.reason(SENSOR)


def test_one_that_was_canceled_beside_another_is_not_asked_for_again(
    chain: ControlStore, played: Load
) -> None:
    dagster = played()
    set_row(chain, reprocess_dt=TODAY)
    (request,) = dagster.requests(SENSOR)
    other = dagster.start("gels_fpms", "2024-05-14", BIZ_DT)
    run = dagster.launch("gels_fpms", request)
    dagster.instance.report_run_canceled(run)
    dagster.end(other)
    assert "has not completed all jobs" in dagster.reason(SENSOR)


def test_due_dates_of_a_group_are_one_run_and_each_is_settled_by_itself(
    chain: ControlStore, played: Load
) -> None:
    days = ["2024-05-13", "2024-05-14", BIZ_DT]
    for day in (*days, "2024-05-16"):
        open_date(chain, "FPMS", day)
    for day, value in zip(days, (TODAY, YESTERDAY, TODAY), strict=True):
        open_date(chain, "FPMS", day, reprocess_dt=value, run_id=f"of {day}")
    dagster = played()
    (request,) = dagster.requests(SENSOR)
    assert dates_of(request) == (*days,)
    assert (request.job_name, request.asset_selection) == ("gels_fpms", None)
    run = dagster.launch("gels_fpms", request)
    assert dagster.reason(SENSOR).count(f"run {run.run_id} of that date has not ended") == 3
    log = dagster.begin(run, "first")
    log.end_all("completed")
    log = dagster.begin(run, "second")
    log.fail({"2024-05-14": "no rows"})
    log.end_all("completed")
    dagster.end(run, ok=False)
    # What landed is not asked for again before the other sensor has said so.
    assert dagster.requests(SENSOR) == []
    dagster.sense(LOG)
    rows = chain.read(PROCESS_CONTROL, {"biz_dt": days})
    assert [row["reprocess_dt"] for row in rows] == [None, YESTERDAY, None]
    assert dagster.reason(SENSOR).startswith("gels_fpms 2024-05-14: run ")
    # Another value of the one, and the same as before of another.
    open_date(chain, "FPMS", "2024-05-14", reprocess_dt=TODAY)
    open_date(chain, "FPMS", BIZ_DT, reprocess_dt=TODAY)
    (again,) = dagster.requests(SENSOR)
    assert dates_of(again) == ("2024-05-14", BIZ_DT)
    assert again.run_key != request.run_key


def test_more_dates_than_a_run_takes_follow_when_it_is_over(
    chain: ControlStore, played: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCH_DATES_PER_RUN", "2")
    days = ["2024-05-13", "2024-05-14", BIZ_DT]
    for day in days:
        open_date(chain, "FPMS", day, reprocess_dt=TODAY)
    dagster = played()
    (request,) = dagster.requests(SENSOR)
    assert dates_of(request) == ("2024-05-13", "2024-05-14")
    run = dagster.launch("gels_fpms", request)
    assert f"{BIZ_DT}: run {run.run_id}, which reprocesses the group" in dagster.reason(SENSOR)
    dagster.run(run, **BOTH)
    dagster.sense(LOG)
    (rest,) = dagster.requests(SENSOR)
    assert dates_of(rest) == (BIZ_DT,)


@pytest.mark.parametrize("beside", ["2024-05-14", "2024-05-17"])
def test_a_date_waits_for_a_run_of_the_date_beside_it(
    chain: ControlStore, played: Load, beside: str
) -> None:
    for day in ("2024-05-10", "2024-05-14", "2024-05-17"):
        open_date(chain, "FPMS", day)
    dagster = played()
    set_row(chain, reprocess_dt=TODAY)
    run = dagster.start("first", "2024-05-10", beside)
    assert f"run {run.run_id} of the date beside it has not ended" in dagster.reason(SENSOR)
    dagster.end(run)
    assert len(dagster.requests(SENSOR)) == 1


def test_what_others_made_of_the_date_is_made_again_where_they_have(
    chain: ControlStore, played: Load
) -> None:
    add_jobs(chain, "OTHER", {"merged": ["second"], "late": ["second"], "far": ["merged"]})
    open_date(chain, "OTHER", BIZ_DT)
    dagster = played()
    for name in ("merged", "far"):
        dagster.run(dagster.start(name, BIZ_DT), **{name: "completed"})
    set_row(chain, reprocess_dt=TODAY)
    (request,) = dagster.requests(SENSOR)
    assert request.job_name == "__ASSET_JOB"
    assert [key.to_user_string() for key in request.asset_selection or []] == [
        "gels/fpms/first",
        "gels/fpms/second",
        "gels/other/merged",
        "gels/other/far",
    ]
    # The source is done with when its own jobs are.
    run = dagster.launch("__ASSET_JOB", request)
    dagster.run(run, **BOTH, merged="failed")
    dagster.sense(LOG)
    assert (get(chain, "reprocess_dt"), get(chain, "process_dt")) == (None, last_end(chain))
    assert dagster.requests(SENSOR) == []


def test_it_is_due_by_the_date_of_the_source(chain: ControlStore, played: Load) -> None:
    # The first is always a day and an hour ahead of the second.
    ahead, behind = "Pacific/Kiritimati", "Pacific/Pago_Pago"
    set_row(chain, reprocess_dt=datetime.now(ZoneInfo(ahead)).date().isoformat())
    chain.upsert(SYS_PARAMS, [schedule_param("timezone", behind)])
    assert played().reason(SENSOR) == "No reprocess_dt is due"
    chain.upsert(SYS_PARAMS, [schedule_param("timezone", ahead)])
    assert len(played().requests(SENSOR)) == 1


def test_a_row_that_cannot_be_asked_for_is_named_and_the_others_are(
    chain: ControlStore, played: Load, capsys: pytest.CaptureFixture[str]
) -> None:
    dagster = played()
    set_row(chain, reprocess_dt=TODAY)
    open_date(chain, "FPMS", "2199-01-01", reprocess_dt=TODAY)
    # Past the store, which would refuse.
    with sqlite3.connect(dagster.location.location.settings.state_dir / "control.db") as connection:
        connection.execute(
            "INSERT INTO process_control (entity, source_system, biz_dt, reprocess_dt) "
            "VALUES ('GELS', 'FPMS', '2024-05-14', 'soon')"
        )
    assert [request.partition_key for request in dagster.requests(SENSOR)] == [BIZ_DT]
    assert "biz_dt=2024-05-14): reprocess_dt 'soon' is not a date" in capsys.readouterr().err
    set_row(chain, reprocess_dt=None)
    assert "2199-01-01: after today, " in dagster.reason(SENSOR)


def test_process_dt_is_written_when_the_last_job_of_the_source_completed(
    chain: ControlStore, played: Load
) -> None:
    dagster = played()
    dagster.run(dagster.start("gels_fpms", BIZ_DT), first="completed", second="failed")
    dagster.sense(LOG)
    assert get(chain, "process_dt") is None
    dagster.run(dagster.start("second", BIZ_DT), second="completed")
    dagster.sense(LOG)
    assert get(chain, "process_dt") == last_end(chain)
    # On a failure it stays, though the first of them did complete anew.
    set_row(chain, process_dt="2024-05-16")
    dagster.run(dagster.start("gels_fpms", BIZ_DT), first="completed", second="failed")
    dagster.sense(LOG)
    assert get(chain, "process_dt") == "2024-05-16"
    dagster.run(dagster.start("gels_fpms", BIZ_DT), **BOTH)
    dagster.sense(LOG)
    assert get(chain, "process_dt") == last_end(chain)


def test_the_date_of_process_dt_is_that_of_the_source(chain: ControlStore, played: Load) -> None:
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
        chain.upsert(SYS_PARAMS, [schedule_param("timezone", zone)])
        dagster = played()
        set_row(chain, process_dt=None)
        dagster.run(dagster.start("gels_fpms", BIZ_DT), **BOTH)
        dagster.sense(LOG)
        assert get(chain, "process_dt") == last_end(chain, zone)


def test_what_completed_while_the_store_was_away_is_written_later(
    chain: ControlStore, played: Load
) -> None:
    dagster = played()
    set_row(chain, reprocess_dt=TODAY)
    (request,) = dagster.requests(SENSOR)
    dagster.run(dagster.launch("gels_fpms", request), **BOTH)
    state = dagster.location.location.settings.state_dir
    chain.close()
    (state / "control.db").rename(state / "gone.db")
    with pytest.raises(PermanentStoreError):
        dagster.sense(LOG)
    assert dagster.cursors.get(LOG) is None
    (state / "gone.db").replace(state / "control.db")
    dagster.sense(LOG)
    assert (get(chain, "reprocess_dt"), get(chain, "process_dt")) == (None, last_end(chain))
    # Read from the beginning again, nothing more comes of it.
    before = chain.read(PROCESS_CONTROL), chain.read(EXECUTION_LOG)
    set_row(chain, reprocess_dt=YESTERDAY)
    del dagster.cursors[LOG]
    dagster.sense(LOG)
    assert get(chain, "reprocess_dt") == YESTERDAY
    set_row(chain, reprocess_dt=None)
    assert (chain.read(PROCESS_CONTROL), chain.read(EXECUTION_LOG)) == before
