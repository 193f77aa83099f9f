"""What a tick opens and asks for: its date, passed-over ones, and nothing twice."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster import DagsterRunStatus
from dagster._core.storage.tags import SCHEDULED_EXECUTION_TIME_TAG
from dagster._utils.schedules import schedule_execution_time_iterator

from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import PROCESS_CONTROL, SYS_PARAMS, Row
from orch_dagster.defs.schedule.cursor import SCHEDULE_TAG
from orch_dagster.errors import PermanentStoreError
from orch_dagster.schedule.settings import TickParamError
from tests.code_location import add_jobs, open_date, schedule_param
from tests.played_runs import Played, dates_of

NAME, WAITING = "gels_fpms_by_biz_dt", "waiting_jobs"
Load = Callable[[], Played]


def at(day: int, hour: int = 2) -> datetime:
    """A time of May 2024, of which the 15th is a Wednesday."""
    return datetime(2024, 5, day, hour, tzinfo=timezone.utc)


@pytest.fixture
def chain(store: ControlStore) -> ControlStore:
    """Two jobs in a row, and the 15th open."""
    add_jobs(store, "FPMS", {"first": [], "second": ["first"]})
    columns = {"business_keys": "contract_no", "compare_cols": "premium"}
    open_date(store, "FPMS", "2024-05-10", business_keys="old")
    open_date(store, "FPMS", "2024-05-15", process_dt="2024-05-16", run_id="r", **columns)
    return store


def rows(store: ControlStore) -> dict[str, Row]:
    read = store.read(PROCESS_CONTROL, {"entity": "GELS", "source_system": "FPMS"})
    return {str(row["biz_dt"]): row for row in read}


def set_params(store: ControlStore, **values: str) -> None:
    store.upsert(SYS_PARAMS, [schedule_param(key, value) for key, value in values.items()])


def test_a_tick_opens_its_date_and_asks_for_the_whole_chain(
    chain: ControlStore, played: Load
) -> None:
    dagster = played()
    (request,) = dagster.tick(NAME, at(17)).run_requests or []
    assert (request.run_key, request.partition_key) == ("2024-05-16", "2024-05-16")
    assert request.tags["dagster/partition"] == "2024-05-16"
    assert request.asset_selection is None
    assert rows(chain)["2024-05-16"] == {
        "entity": "GELS",
        "source_system": "FPMS",
        "biz_dt": "2024-05-16",
        "start_dt": "2024-05-16",
        "end_dt": "2024-05-16",
        "process_dt": None,
        "reprocess_dt": None,
        "business_keys": "contract_no",
        "compare_cols": "premium",
        "run_id": None,
        "last_update_ts": None,
    }


def test_a_date_that_is_open_is_asked_for_as_it_is(chain: ControlStore, played: Load) -> None:
    before = rows(chain)
    assert played().dates(NAME, at(16)) == ["2024-05-15"]
    assert rows(chain) == before


def test_a_date_is_asked_for_once(chain: ControlStore, played: Load) -> None:
    dagster = played()
    assert dagster.dates(NAME, at(16)) == ["2024-05-15"]
    # Also by the ticks of the same day, by another process, and after its run has failed.
    (run,) = dagster.instance.get_runs()
    dagster.end(run, ok=False)
    for hour in (2, 3):
        told = played().tick(NAME, at(16, hour))
        assert not told.run_requests
        assert told.skip_message == "2024-05-15 of gels_fpms was already requested"


@pytest.mark.parametrize(
    ("offset", "day", "expected"),
    [("0", 16, "2024-05-16"), ("1", 20, "2024-05-17"), ("3", 20, "2024-05-15")],
)
def test_the_offset_is_in_business_days(
    chain: ControlStore, played: Load, offset: str, day: int, expected: str
) -> None:
    set_params(chain, offset=offset, catchup="0")
    assert played().dates(NAME, at(day)) == [expected]


@pytest.mark.parametrize(
    ("day", "reason"),
    [
        (18, "2024-05-18 is a Saturday for gels_fpms: no business date is due"),
        (19, "2024-05-19 is a Sunday for gels_fpms: no business date is due"),
        (20, "2024-05-20 is a holiday of its calendar for gels_fpms: no business date is due"),
    ],
)
def test_days_that_are_no_business_days_are_skipped_with_the_reason(
    chain: ControlStore, played: Load, day: int, reason: str
) -> None:
    set_params(chain, calendar="2024-05-20")
    before = rows(chain)
    told = played().tick(NAME, at(day))
    assert (told.run_requests, told.skip_message) == ([], reason)
    assert rows(chain) == before


@pytest.mark.parametrize(
    ("calendar", "day", "expected"),
    [
        # The 19th is a Sunday.
        ("mon-sun", 19, ["2024-05-16", "2024-05-17", "2024-05-18"]),
        ("sun-thu +2024-05-18", 20, ["2024-05-16", "2024-05-18", "2024-05-19"]),
    ],
)
def test_a_calendar_says_which_days_are_open(
    chain: ControlStore, played: Load, calendar: str, day: int, expected: list[str]
) -> None:
    set_params(chain, calendar=calendar)
    assert played().dates(NAME, at(day)) == expected


def test_parameters_are_read_at_the_tick_and_the_narrower_wins(
    chain: ControlStore, played: Load
) -> None:
    dagster = played()
    chain.upsert(
        SYS_PARAMS,
        [
            schedule_param("calendar", "2024-05-16"),
            schedule_param("calendar", "file:none.txt", "gels_fpms"),
            # A job that has no cron of its own goes by its source.
            schedule_param("calendar", "2024-05-17", "first"),
            {**schedule_param("calendar", "2024-05-17", "gels_fpms"), "environment": "PROD"},
        ],
    )
    with pytest.raises(TickParamError, match=r"key_name=gels_fpms\): .*none\.txt"):
        dagster.tick(NAME, at(17))
    home = dagster.location.location.settings.home
    (home / "none.txt").write_text("# now it is there\n2024-05-16\n")
    assert dagster.dates(NAME, at(17)) == ["2024-05-15"]


def test_missed_dates_are_opened_and_requested_oldest_first(
    chain: ControlStore, played: Load, capsys: pytest.CaptureFixture[str]
) -> None:
    set_params(chain, calendar="2024-05-20")
    expected = ["2024-05-16", "2024-05-17", "2024-05-21", "2024-05-22"]
    assert played().dates(NAME, at(23)) == expected
    opened = rows(chain)
    assert [*opened] == ["2024-05-10", "2024-05-15", *expected]
    assert {opened[day]["business_keys"] for day in expected} == {"contract_no"}
    said = capsys.readouterr().err
    for day in expected[:-1]:
        assert f"biz_dt={day})." in said
        assert f"{day} was missed and is requested now." in said


def test_more_than_a_tick_catches_up_with_follow_at_the_next(
    chain: ControlStore, played: Load, capsys: pytest.CaptureFixture[str]
) -> None:
    set_params(chain, catchup="2")
    dagster = played()
    assert dagster.dates(NAME, at(24)) == ["2024-05-16", "2024-05-17", "2024-05-23"]
    assert "3 more business days before 2024-05-23 were missed" in capsys.readouterr().err
    assert dagster.dates(NAME, at(27)) == ["2024-05-20", "2024-05-21", "2024-05-24"]
    assert dagster.dates(NAME, at(28)) == ["2024-05-22", "2024-05-27"]
    assert dagster.dates(NAME, at(29)) == ["2024-05-28"]


def test_without_catching_up_there_is_the_ticks_own_date(chain: ControlStore, played: Load) -> None:
    set_params(chain, catchup="0")
    dagster = played()
    assert dagster.dates(NAME, at(24)) == ["2024-05-23"]
    # What was given up stays so.
    set_params(chain, catchup="5")
    assert dagster.dates(NAME, at(27)) == ["2024-05-24"]


def test_a_tick_whose_runs_never_came_to_be_is_made_up_for(
    chain: ControlStore, played: Load
) -> None:
    dagster = played()
    # Its daemon died, or had given up waiting: the dates are open and nothing runs.
    (request,) = dagster.tick(NAME, at(20)).run_requests or []
    assert dates_of(request) == ("2024-05-16", "2024-05-17")
    assert "2024-05-17" in rows(chain)
    assert dagster.dates(NAME, at(21)) == ["2024-05-16", "2024-05-17", "2024-05-20"]
    assert dagster.dates(NAME, at(22)) == ["2024-05-21"]


def test_a_run_that_was_never_submitted_is_asked_for_again(
    chain: ControlStore, played: Load
) -> None:
    dagster = played()
    (request,) = dagster.tick(NAME, at(17)).run_requests or []
    made = {SCHEDULED_EXECUTION_TIME_TAG: at(17).isoformat()}
    dagster.launch("gels_fpms", request, made, DagsterRunStatus.NOT_STARTED)
    # By the same tick, done again: Dagster submits the run that is there.
    assert dagster.dates(NAME, at(17)) == ["2024-05-16"]
    assert dagster.dates(NAME, at(20)) == ["2024-05-17"]


def test_a_passed_over_date_that_was_run_by_hand_is_left_alone(
    chain: ControlStore, played: Load
) -> None:
    dagster = played()
    assert dagster.dates(NAME, at(16)) == ["2024-05-15"]
    for day, second in (("2024-05-16", "completed"), ("2024-05-17", "failed")):
        open_date(chain, "FPMS", day)
        dagster.run(dagster.start("gels_fpms", day), first="completed", second=second)
    assert dagster.dates(NAME, at(21)) == ["2024-05-17", "2024-05-20"]


def test_a_date_is_asked_for_once_also_by_a_run_of_several(
    chain: ControlStore, played: Load
) -> None:
    dagster = played()
    assert dagster.dates(NAME, at(16)) == ["2024-05-15"]
    dagster.start("gels_fpms", "2024-05-16", "2024-05-17", **{SCHEDULE_TAG: NAME})
    assert dagster.dates(NAME, at(21)) == ["2024-05-20"]


def test_a_date_whose_run_failed_beside_another_is_asked_for_again(
    chain: ControlStore, played: Load
) -> None:
    dagster = played()
    (request,) = dagster.tick(NAME, at(17)).run_requests or []
    by_hand = dagster.start("gels_fpms", "2024-05-15", "2024-05-16")
    dagster.run(dagster.launch("gels_fpms", request), first="failed")
    dagster.run(by_hand, first="completed", second="failed")
    assert dagster.dates(NAME, at(20)) == ["2024-05-16", "2024-05-17"]


def test_missed_dates_and_the_ticks_own_are_one_run(chain: ControlStore, played: Load) -> None:
    dagster = played()
    (request,) = dagster.tick(NAME, at(20)).run_requests or []
    assert dates_of(request) == ("2024-05-16", "2024-05-17")
    assert (request.partition_key, request.asset_selection) == (None, None)


def test_jobs_that_wait_on_one_date_are_left_out_on_all(chain: ControlStore, played: Load) -> None:
    add_jobs(chain, "OTHER", {"other": []})
    add_jobs(chain, "FPMS", {"merged": ["second", "other"]})
    open_date(chain, "OTHER", "2024-05-16")
    dagster = played()
    dagster.run(dagster.start("gels_other", "2024-05-16"), other="completed")
    (request,) = dagster.tick(NAME, at(20)).run_requests or []
    assert dates_of(request) == ("2024-05-16", "2024-05-17")
    assert request.asset_selection == [
        dg.AssetKey(["gels", "fpms", name]) for name in ("first", "second")
    ]
    run = dagster.launch("gels_fpms", request)
    dagster.run(run, first="completed", second="completed")
    (merged,) = dagster.requests(WAITING)
    assert (dates_of(merged), merged.tags["orch/left_out"]) == (("2024-05-16",), "merged")


@pytest.mark.parametrize(("catchup", "landed"), [("0", False), ("5", True)])
def test_dates_that_a_run_by_hand_holds_are_asked_for_when_it_is_over(
    chain: ControlStore, played: Load, catchup: str, landed: bool
) -> None:
    set_params(chain, catchup=catchup)
    dagster = played()
    by_hand = dagster.start("gels_fpms", "2024-05-15", "2024-05-16")
    told = dagster.tick(NAME, at(17))
    assert not told.run_requests
    assert str(told.skip_message).startswith("2024-05-16: held, as a run of the first of them")
    assert dagster.reason(WAITING) == f"Held by other runs: {NAME} 2024-05-16"
    # The next date waits with it, and the sensor asks for both when the run is over.
    assert dagster.dates(NAME, at(20)) == []
    dagster.run(by_hand, first="completed", second="completed" if landed else "failed")
    (request,) = dagster.requests(WAITING)
    expected = ("2024-05-17",) if landed else ("2024-05-16", "2024-05-17")
    assert (request.job_name, dates_of(request)) == ("gels_fpms", expected)
    run = dagster.launch("gels_fpms", request)
    assert dagster.reason(WAITING) == "No job waits for another run"
    dagster.run(run, first="completed", second="failed")
    assert dagster.dates(NAME, at(21)) == ["2024-05-20"]


def test_more_dates_than_a_run_takes_follow_when_it_is_over(
    chain: ControlStore, played: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCH_DATES_PER_RUN", "2")
    dagster = played()
    (request,) = dagster.tick(NAME, at(21)).run_requests or []
    assert dates_of(request) == ("2024-05-16", "2024-05-17")
    run = dagster.launch("gels_fpms", request)
    assert dagster.reason(WAITING) == f"Held by other runs: {NAME} 2024-05-20"
    # What comes in the meantime does not overtake it.
    assert dagster.dates(NAME, at(22)) == []
    dagster.run(run, first="completed", second="failed")
    (rest,) = dagster.requests(WAITING)
    assert dates_of(rest) == ("2024-05-20", "2024-05-21")


def test_the_first_date_of_all(store: ControlStore, played: Load) -> None:
    add_jobs(store, "FPMS", {"first": []})
    open_date(store, "OTHER", "2024-05-01")
    assert played().dates(NAME, at(16)) == ["2024-05-15"]
    assert rows(store)["2024-05-15"]["business_keys"] is None


def test_a_date_before_the_first_of_the_setting_is_skipped_with_the_remedy(
    chain: ControlStore, played: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCH_FIRST_BIZ_DT", "2024-05-17")
    dagster = played()
    told = dagster.tick(NAME, at(17))
    assert not told.run_requests
    assert "2024-05-16 is before ORCH_FIRST_BIZ_DT, 2024-05-17" in str(told.skip_message)
    assert "`orch open gels_fpms --biz-dt 2024-05-16`" in str(told.skip_message)
    assert "2024-05-16" not in rows(chain)
    # Nor is it caught up with.
    assert dagster.dates(NAME, at(20)) == ["2024-05-17"]


def test_dates_of_an_older_table_are_named_and_passed_over(
    chain: ControlStore, played: Load, capsys: pytest.CaptureFixture[str]
) -> None:
    dagster = played()
    # Past the store, which would refuse.
    file = dagster.location.location.settings.state_dir / "control.db"
    with sqlite3.connect(file) as connection:
        connection.execute(
            "INSERT INTO process_control (entity, source_system, biz_dt, business_keys) "
            "VALUES ('GELS', 'FPMS', '31/12/2023', 'odd')"
        )
    assert dagster.dates(NAME, at(17)) == ["2024-05-16"]
    assert rows(chain)["2024-05-16"]["business_keys"] == "contract_no"
    said = capsys.readouterr().err
    assert "biz_dt=31/12/2023): set aside, as column biz_dt: '31/12/2023' is not a date" in said


@pytest.mark.parametrize(
    ("zone", "moment", "expected"),
    [
        # 00:30 of the 16th there is still the 15th in UTC; and 20:00 of the 15th already the 16th.
        ("Pacific/Kiritimati", datetime(2024, 5, 15, 10, 30), "2024-05-15"),
        ("America/New_York", datetime(2024, 5, 16, 0, 0), "2024-05-14"),
        ("Asia/Kolkata", datetime(2024, 5, 15, 18, 29), "2024-05-14"),
        ("Asia/Kolkata", datetime(2024, 5, 15, 18, 30), "2024-05-15"),
    ],
)
def test_the_date_is_the_local_one(
    chain: ControlStore, played: Load, zone: str, moment: datetime, expected: str
) -> None:
    set_params(chain, timezone=zone, catchup="0")
    assert played().dates(NAME, moment.replace(tzinfo=timezone.utc)) == [expected]


@pytest.mark.parametrize(
    ("zone", "cron", "begin"),
    [
        # Clocks go forward over the tick's time on a business day, at midnight too; and back, so
        # that there are two of it.
        ("Africa/Cairo", "0 0 * * *", date(2024, 4, 24)),
        ("Africa/Cairo", "*/30 22,23 * * *", date(2024, 10, 30)),
        ("Asia/Tehran", "30 0 * * *", date(2022, 3, 21)),
        ("America/Havana", "30 0 * * *", date(2024, 11, 1)),
    ],
)
def test_each_business_day_is_asked_for_once_whatever_the_clocks_do(
    store: ControlStore, played: Load, zone: str, cron: str, begin: date
) -> None:
    add_jobs(store, "FPMS", {"first": []})
    set_params(store, timezone=zone, cron=cron, catchup="0")
    open_date(store, "FPMS", (begin - timedelta(days=10)).isoformat())
    dagster = played()
    start = datetime(begin.year, begin.month, begin.day, tzinfo=ZoneInfo(zone))
    asked: list[str | None] = []
    local_days: set[date] = set()
    for moment in schedule_execution_time_iterator(start.timestamp(), cron, zone):
        if moment >= start + timedelta(days=4):
            break
        local_days.add(moment.astimezone(ZoneInfo(zone)).date())
        asked += dagster.dates(NAME, moment)
    assert len(local_days) == 4
    ticked = [day for day in sorted(local_days) if day.weekday() < 5]
    previous = [day - timedelta(days=3 if day.weekday() == 0 else 1) for day in ticked]
    assert asked == [day.isoformat() for day in previous]


def test_a_job_with_a_cron_of_its_own_is_asked_for_apart(chain: ControlStore, played: Load) -> None:
    chain.upsert(
        SYS_PARAMS,
        [schedule_param("cron", "0 1 * * *", "apart"), schedule_param("offset", "0", "apart")],
    )
    add_jobs(chain, "FPMS", {"apart": []})
    dagster = played()
    (own,) = dagster.tick("apart_by_biz_dt", at(15)).run_requests or []
    assert (own.partition_key, own.asset_selection) == ("2024-05-15", None)
    (others,) = dagster.tick(NAME, at(16)).run_requests or []
    assert others.asset_selection == [
        dg.AssetKey(["gels", "fpms", name]) for name in ("first", "second")
    ]


def test_schedules_of_one_source_each_catch_up(chain: ControlStore, played: Load) -> None:
    chain.upsert(SYS_PARAMS, [schedule_param("cron", "0 1 * * *", "apart")])
    add_jobs(chain, "FPMS", {"apart": []})
    dagster = played()
    expected = ["2024-05-16", "2024-05-17", "2024-05-20"]
    assert dagster.dates("apart_by_biz_dt", at(21, hour=1)) == expected
    # It opened these dates, and yet nobody asked for the chain.
    assert dagster.dates(NAME, at(21)) == expected
    assert dagster.dates("apart_by_biz_dt", at(22, hour=1)) == ["2024-05-21"]
    assert dagster.dates(NAME, at(22)) == ["2024-05-21"]


def test_a_tick_without_its_store_is_made_up_for(chain: ControlStore, played: Load) -> None:
    dagster = played()
    state = dagster.location.location.settings.state_dir
    chain.close()
    (state / "control.db").rename(state / "gone.db")
    with pytest.raises(PermanentStoreError, match="orch init"):
        dagster.tick(NAME, at(17))
    (state / "gone.db").replace(state / "control.db")
    assert dagster.dates(NAME, at(20)) == ["2024-05-16", "2024-05-17"]
