"""Scheduled jobs whose parents are in other runs: left out, and asked for when those completed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import dagster as dg
import pytest
from dagster import DagsterRunStatus

from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import SYS_PARAMS
from tests.code_location import add_jobs, open_date, schedule_param
from tests.played_runs import Played, dates_of

NAME, SENSOR, BIZ_DT = "gels_fpms_by_biz_dt", "waiting_jobs", "2024-05-15"
AT = datetime(2024, 5, 16, 2, tzinfo=timezone.utc)
Load = Callable[[], Played]


def keys(*names: str) -> list[dg.AssetKey]:
    return [dg.AssetKey(["gels", "fpms", name]) for name in names]


@pytest.fixture
def crossing(store: ControlStore) -> ControlStore:
    """alone and after of one group; merged waits for other of another one too, last for merged."""
    add_jobs(store, "OTHER", {"other": []})
    add_jobs(
        store,
        "FPMS",
        {"alone": [], "after": ["alone"], "merged": ["alone", "other"], "last": ["merged"]},
    )
    for source in ("FPMS", "OTHER"):
        open_date(store, source, BIZ_DT)
    return store


def request_for_merged(dagster: Played) -> dg.RunRequest:
    """What the sensor asks for when all that merged waits for has completed."""
    (request,) = dagster.tick(NAME, AT).run_requests or []
    dagster.run(dagster.launch("gels_fpms", request), alone="completed", after="completed")
    dagster.run(dagster.start("gels_other", BIZ_DT), other="completed")
    (merged,) = dagster.requests(SENSOR)
    return merged


def test_jobs_are_left_out_until_the_parents_of_the_other_source_have_completed(
    crossing: ControlStore, played: Load
) -> None:
    dagster = played()
    assert dagster.reason(SENSOR) == "No job waits for another run"
    (request,) = dagster.tick(NAME, AT).run_requests or []
    assert request.asset_selection == keys("alone", "after")
    assert request.tags["orch/waiting"] == "merged, last"
    run = dagster.launch("gels_fpms", request)

    # merged waits for alone too, which is in the run that goes on.
    dagster.run(dagster.start("gels_other", BIZ_DT), other="completed")
    assert dagster.reason(SENSOR) == (f"Parents have not completed: merged {BIZ_DT}, last {BIZ_DT}")
    dagster.run(run, alone="completed", after="completed")
    (merged,) = dagster.requests(SENSOR)
    assert (merged.job_name, merged.asset_selection) == ("gels_fpms", keys("merged"))
    assert (merged.run_key, merged.partition_key) == (f"merged {BIZ_DT}", BIZ_DT)

    # Once it has begun it is not asked for again; what waits for it is, when it has completed.
    second = dagster.launch("gels_fpms", merged)
    assert dagster.reason(SENSOR) == f"Parents have not completed: last {BIZ_DT}"
    dagster.run(second, merged="completed")
    (last,) = dagster.requests(SENSOR)
    assert last.asset_selection == keys("last")
    dagster.run(dagster.launch("gels_fpms", last), last="completed")
    assert dagster.reason(SENSOR) == "No job waits for another run"
    assert not dagster.tick(NAME, AT.replace(hour=3)).run_requests
    # Nor are they passed over the next day.
    assert dagster.dates(NAME, AT.replace(day=17)) == ["2024-05-16"]


def test_one_that_failed_is_not_asked_for_again_and_those_behind_it_wait(
    crossing: ControlStore, played: Load
) -> None:
    dagster = played()
    merged = request_for_merged(dagster)
    dagster.run(dagster.launch("gels_fpms", merged), merged="failed")
    assert dagster.reason(SENSOR) == f"Parents have not completed: last {BIZ_DT}"
    # Somebody mends it.
    dagster.run(dagster.start("merged", BIZ_DT), merged="completed")
    (last,) = dagster.requests(SENSOR)
    assert last.asset_selection == keys("last")


def test_one_that_another_run_holds_waits_and_is_asked_for_when_that_is_over(
    crossing: ControlStore, played: Load
) -> None:
    dagster = played()
    (request,) = dagster.tick(NAME, AT).run_requests or []
    dagster.run(dagster.launch("gels_fpms", request), alone="completed", after="completed")
    by_hand = dagster.start("merged", "2024-05-14", BIZ_DT)
    dagster.run(dagster.start("gels_other", BIZ_DT), other="completed")
    assert dagster.reason(SENSOR) == (
        f"Parents have not completed: last {BIZ_DT}; "
        f"Other runs of the date have not ended: merged {BIZ_DT}"
    )
    dagster.end(by_hand, ok=False)
    (merged,) = dagster.requests(SENSOR)
    assert merged.asset_selection == keys("merged")


def test_one_that_failed_beside_another_run_is_asked_for_again(
    crossing: ControlStore, played: Load
) -> None:
    dagster = played()
    merged = request_for_merged(dagster)
    by_hand = dagster.start("merged", "2024-05-14", BIZ_DT)
    dagster.make_older(by_hand, timedelta(hours=1))
    dagster.run(dagster.launch("gels_fpms", merged), merged="failed")
    assert "Other runs of the date have not ended: merged" in dagster.reason(SENSOR)
    dagster.end(by_hand, ok=False)
    (again,) = dagster.requests(SENSOR)
    assert (again.asset_selection, again.run_key != merged.run_key) == (keys("merged"), True)


def test_dates_of_a_job_are_one_run(crossing: ControlStore, played: Load) -> None:
    dagster = played()
    days = ("2024-05-16", "2024-05-17")
    for request in dagster.tick(NAME, AT.replace(day=20)).run_requests or []:
        run = dagster.launch("gels_fpms", request)
        dagster.run(run, alone="completed", after="completed")
    for day in days:
        open_date(crossing, "OTHER", day)
    dagster.run(dagster.start("gels_other", *days), other="completed")
    (merged,) = dagster.requests(SENSOR)
    assert (dates_of(merged), merged.asset_selection) == (days, keys("merged"))
    dagster.run(dagster.launch("gels_fpms", merged), merged="completed")
    (last,) = dagster.requests(SENSOR)
    assert (dates_of(last), last.asset_selection) == (days, keys("last"))


def test_one_that_was_never_submitted_is_asked_for_again(
    crossing: ControlStore, played: Load
) -> None:
    dagster = played()
    merged = request_for_merged(dagster)
    dagster.launch("gels_fpms", merged, status=DagsterRunStatus.NOT_STARTED)
    assert dagster.requests(SENSOR) == [merged]


def test_parents_that_have_completed_the_date_are_not_waited_for(
    crossing: ControlStore, played: Load
) -> None:
    dagster = played()
    dagster.run(dagster.start("gels_other", BIZ_DT), other="completed")
    (request,) = dagster.tick(NAME, AT).run_requests or []
    assert request.asset_selection is None
    assert "orch/waiting" not in request.tags
    assert dagster.reason(SENSOR) == "No job waits for another run"


def test_runs_by_hand_ask_for_nothing(crossing: ControlStore, played: Load) -> None:
    dagster = played()
    dagster.run(dagster.start("gels_other", BIZ_DT), other="completed")
    dagster.run(dagster.start("alone", BIZ_DT), alone="completed")
    assert dagster.reason(SENSOR) == "No job waits for another run"


def test_a_job_that_was_run_by_hand_meanwhile_is_not_asked_for(
    crossing: ControlStore, played: Load
) -> None:
    dagster = played()
    (request,) = dagster.tick(NAME, AT).run_requests or []
    dagster.run(dagster.launch("gels_fpms", request), alone="completed", after="completed")
    dagster.run(dagster.start("gels_other", BIZ_DT), other="completed")
    dagster.run(dagster.start("merged", BIZ_DT), merged="completed")
    dagster.run(dagster.start("last", BIZ_DT), last="completed")
    assert dagster.reason(SENSOR) == "No job waits for another run"
    # The next tick need not carry them on.
    assert dagster.dates(NAME, AT.replace(day=17)) == ["2024-05-16"]
    assert (
        dagster.reason(SENSOR) == "Parents have not completed: merged 2024-05-16, last 2024-05-16"
    )


def test_a_job_with_a_cron_of_its_own_may_wait_as_a_whole(
    crossing: ControlStore, played: Load
) -> None:
    crossing.upsert(SYS_PARAMS, [schedule_param("cron", "0 1 * * *", "after")])
    dagster = played()
    told = dagster.tick("after_by_biz_dt", AT)
    assert not told.run_requests
    assert str(told.skip_message).startswith(
        f"{BIZ_DT}: left out, as they wait for jobs of other runs: after."
    )
    # Asked again and again it stays so, and is not done with.
    assert dagster.dates("after_by_biz_dt", AT.replace(hour=3)) == []
    (chain,) = dagster.tick(NAME, AT).run_requests or []
    assert chain.asset_selection == keys("alone")
    dagster.run(dagster.launch("gels_fpms", chain), alone="completed")
    (after,) = dagster.requests(SENSOR)
    assert after.asset_selection == keys("after")
    dagster.run(dagster.launch("gels_fpms", after), after="failed")
    for day, expected in ((16, []), (17, [])):
        assert dagster.dates("after_by_biz_dt", AT.replace(day=day)) == expected
    assert dagster.reason(SENSOR).startswith("Parents have not completed: ")


def test_the_tick_done_again_leaves_out_what_it_left_out(
    crossing: ControlStore, played: Load
) -> None:
    dagster = played()
    # The daemon died before there was a run; the parents complete, and the sensor asks.
    dagster.tick(NAME, AT)
    dagster.run(dagster.start("gels_other", BIZ_DT), other="completed")
    dagster.run(dagster.start("alone", BIZ_DT), alone="completed")
    (merged,) = dagster.requests(SENSOR)
    dagster.launch("gels_fpms", merged)
    (request,) = dagster.tick(NAME, AT).run_requests or []
    assert request.asset_selection == keys("alone", "after")
