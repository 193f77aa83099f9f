"""What is due of a group, from the tables, the calendar and the runs of the instance."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone

import pytest

from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import PROCESS_CONTROL, SYS_PARAMS
from orch_dagster.defs.schedule.due_now import DueReader
from orch_dagster.registry.jobs import Group
from orch_dagster.schedule.due import DueDate
from tests.code_location import add_jobs, open_date, schedule_param
from tests.played_runs import Played

Load = Callable[[], Played]
BOTH = {"first": "completed", "second": "completed"}
TODAY = datetime.now(timezone.utc).date()
# Old enough that no tick of today asks for it.
BIZ_DT = "2024-05-15"


@pytest.fixture
def chain(store: ControlStore) -> ControlStore:
    add_jobs(store, "FPMS", {"first": [], "second": ["first"]})
    open_date(store, "FPMS", BIZ_DT)
    # Nothing is missed unless a test says so: a tick's own date is open.
    store.upsert(SYS_PARAMS, [schedule_param("catchup", "0")])
    for days in range(5):
        open_date(store, "FPMS", (TODAY - timedelta(days)).isoformat())
    return store


def read(dagster: Played, job: str = "gels_fpms") -> dict[str, DueDate]:
    location = dagster.location.location
    whole = location.registry.groups["gels_fpms"]
    group = whole if job == whole.name else Group.of(location.registry.jobs[job])
    reader = DueReader(location, dagster.instance, dagster.store, lambda _: False)
    dates = reader.read(group).dates
    assert [each.biz_dt for each in dates] == sorted(each.biz_dt for each in dates)
    return {each.biz_dt: each for each in dates if each.biz_dt < "2024-06-01"}


def test_a_date_is_due_until_all_jobs_completed_it(chain: ControlStore, played: Load) -> None:
    dagster = played()
    due = read(dagster)[BIZ_DT]
    assert (due.reasons, [spec.job_name for spec in due.specs]) == (
        ("not completed",),
        ["first", "second"],
    )
    dagster.run(dagster.start("gels_fpms", BIZ_DT), first="completed", second="failed")
    assert read(dagster)[BIZ_DT].reasons == ("not completed by second",)
    assert read(dagster, "first") == {}
    dagster.run(dagster.start("second", BIZ_DT), second="completed")
    assert read(dagster) == {}


def test_a_living_run_of_several_dates_holds_what_is_due(chain: ControlStore, played: Load) -> None:
    dagster = played()
    run = dagster.start("second", "2024-05-14", BIZ_DT)
    assert read(dagster)[BIZ_DT].held_by == run.run_id
    # Its process is gone, and nobody has said so.
    location = dagster.location.location
    reader = DueReader(location, dagster.instance, chain, lambda each: each.run_id == run.run_id)
    dates = reader.read(location.registry.groups["gels_fpms"]).dates
    assert dates[0].held_by is None


def test_a_completed_date_is_due_again_by_its_reprocess_dt(
    chain: ControlStore, played: Load
) -> None:
    dagster = played()
    dagster.run(dagster.start("gels_fpms", BIZ_DT), **BOTH)
    open_date(chain, "FPMS", BIZ_DT, reprocess_dt=TODAY.isoformat())
    due = read(dagster)[BIZ_DT]
    assert due.reasons == (f"reprocess_dt {TODAY}",)
    assert len(due.specs) == 2
    # What a run of that request completed is not due again, the rest is.
    (request,) = dagster.requests("reprocess")
    dagster.run(dagster.launch("gels_fpms", request), first="completed", second="failed")
    assert [spec.job_name for spec in read(dagster)[BIZ_DT].specs] == ["second"]
    assert read(dagster, "first") == {}
    dagster.run(dagster.launch("gels_fpms", request), second="completed")
    dagster.sense("execution_log")
    assert read(dagster) == {}


def test_a_reprocess_dt_that_has_not_come_is_not_due(chain: ControlStore, played: Load) -> None:
    dagster = played()
    dagster.run(dagster.start("gels_fpms", BIZ_DT), **BOTH)
    later = (TODAY + timedelta(days=2)).isoformat()
    open_date(chain, "FPMS", BIZ_DT, reprocess_dt=later)
    assert read(dagster) == {}


def test_missed_business_days_are_due(store: ControlStore, played: Load) -> None:
    add_jobs(store, "FPMS", {"first": [], "apart": []})
    store.upsert(SYS_PARAMS, [schedule_param("cron", "0 1 * * *", "apart")])
    open_date(store, "FPMS", BIZ_DT)
    dagster = played()
    location = dagster.location.location
    reader = DueReader(location, dagster.instance, store, lambda _: False)
    now = reader.read(location.registry.groups["gels_fpms"])
    assert [each.biz_dt for each in now.dates] == [
        BIZ_DT,
        *(f"2024-05-{day}" for day in (16, 17, 20, 21, 22, 23)),
    ]
    assert {each.reasons for each in now.dates[1:]} == {("a business day that is not open",)}
    assert {len(each.specs) for each in now.dates} == {2}
    assert set(now.remaining) == {"gels_fpms_by_biz_dt", "apart_by_biz_dt"}
    # Nothing was opened by looking.
    assert len(store.read(PROCESS_CONTROL)) == 1
    assert date.fromisoformat(now.dates[-1].biz_dt).weekday() == 3
