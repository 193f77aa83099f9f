"""Dagster's own daemon, on what our schedules and sensors ask for: the runs that it creates.

What the requests take from the inside of Dagster is held by this: a new version has to pass it.
"""

from __future__ import annotations

from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import EXECUTION_LOG, SYS_PARAMS
from tests.code_location import add_jobs, open_date, schedule_param
from tests.dagster_daemon import daemon


def complete(store: ControlStore, biz_dt: str, *job_ids: str) -> None:
    rows = [{"id": f"{name} {biz_dt}", "job_id": name, "biz_dt": biz_dt} for name in job_ids]
    store.upsert(EXECUTION_LOG, [{**row, "status": "Completed"} for row in rows])


def test_the_runs_that_the_daemon_creates(store: ControlStore) -> None:
    # merged waits for a job of another source, which waits for this one.
    add_jobs(store, "FPMS", {"first": [], "second": ["first"], "apart": [], "merged": ["other"]})
    add_jobs(store, "OTHER", {"other": ["second"]})
    store.upsert(SYS_PARAMS, [schedule_param("cron", "0 4 * * *", "apart")])
    for day in ("2024-05-10", "2024-05-13"):
        open_date(store, "FPMS", day)
    open_date(store, "OTHER", "2024-05-14")
    with daemon() as dagster:
        dagster.start_schedules()
        dagster.schedules()
        assert dagster.faults() == []
        created = dagster.runs()
        assert created == {
            "gels_fpms 2024-05-14 2024-05-15": ("QUEUED", ["first", "second"]),
            "apart 2024-05-14 2024-05-15": ("QUEUED", ["apart"]),
        }
        dagster.schedules()
        assert dagster.runs() == created

        complete(store, "2024-05-15", "first", "second")
        # To be done again, with what the other source made of it.
        for day in ("2024-05-10", "2024-05-13"):
            complete(store, day, "other")
            open_date(store, "FPMS", day, reprocess_dt="2024-05-16")
            open_date(store, "OTHER", day)
        dagster.sensors()
        assert dagster.faults() == []
        asked = dagster.runs()
        again = asked.pop("__ASSET_JOB 2024-05-10 2024-05-13")
        assert asked == {**created, "gels_other 2024-05-15": ("QUEUED", ["other"])}
        assert (again[0], sorted(again[1])) == (
            "QUEUED",
            ["apart", "first", "merged", "other", "second"],
        )
