"""orch open, close, reprocess and dates: which dates they change or show, and what they refuse."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from dagster import DagsterInstance, DagsterRunStatus

from orch_dagster.cli.dates import dates_lines, dates_of_group
from orch_dagster.cli.instance import opened_instance
from orch_dagster.cli.main import main
from orch_dagster.control.connect import opened_store
from orch_dagster.control.tables import EXECUTION_LOG, PROCESS_CONTROL, SYS_PARAMS, Row
from orch_dagster.defs.partitions import partitions_name, tags_of
from orch_dagster.defs.repository import ControlTables
from orch_dagster.registry.location import load_location
from orch_dagster.settings import load_settings

JOB = "etl_lnd_gels_fpms_t_contract_master"
GROUP = {"entity": "GELS", "source_system": "FPMS"}
# A Monday to the Sunday after.
WEEK = ["--from", "2024-05-13", "--to", "2024-05-19"]
# The sample's open date is its Wednesday.
WEDNESDAY = "2024-05-15"


def orch(*words: str) -> Result:
    return CliRunner().invoke(main, [*words])


def ok(*words: str) -> str:
    done = orch(*words)
    assert done.exit_code == 0, done.output
    return done.stdout


def rows() -> dict[str, Row]:
    with opened_store(load_settings()) as store:
        return {str(row["biz_dt"]): row for row in store.read(PROCESS_CONTROL, GROUP)}


def days() -> list[str]:
    return [day[-2:] for day in sorted(rows())]


def put(table: Any, *new: dict[str, Any]) -> None:
    with opened_store(load_settings()) as store:
        store.upsert(table, list(new))


def setting(value: str, key_name: str) -> dict[str, Any]:
    keys = {"param_key": "schedule.calendar", "environment": "DEV", "key_name": key_name}
    return {**keys, "param_value": value, "param_type": "system"}


@pytest.mark.parametrize(
    ("words", "opened"),
    [
        (["GELS", "FPMS", "2024-05-18"], ["15", "18"]),
        (["gels", "fpms", "2024-05-18", "2024-05-16"], ["15", "16", "18"]),
        (["gels_fpms", "2024-05-18"], ["15", "18"]),
        (["gels_fpms", "--biz-dt", "2024-05-18", "--biz-dt", "2024-05-16"], ["15", "16", "18"]),
        (["JOB_1001", "--biz-dt", "2024-05-18"], ["15", "18"]),
        ([JOB, *WEEK], ["13", "14", "15", "16", "17"]),
        (["gels", "fpms", *WEEK], ["13", "14", "15", "16", "17"]),
        (["gels_fpms", *WEEK, "--every-day"], ["13", "14", "15", "16", "17", "18", "19"]),
        (["gels_fpms", *WEEK, "--calendar", "sun-thu 2024-05-14"], ["13", "15", "16", "19"]),
    ],
)
def test_dates_are_opened(sample: Path, words: list[str], opened: list[str]) -> None:
    ok("open", *words)
    assert days() == opened
    # As the group's newest.
    assert {row["business_keys"] for row in rows().values()} == {"contract_no"}
    with opened_instance(load_settings()) as instance:
        shown = instance.get_dynamic_partitions(partitions_name("gels_fpms"))
    assert [day[-2:] for day in shown] == opened
    before = rows()
    ok("open", *words)
    assert rows() == before


def test_a_range_has_the_calendar_of_its_group(sample: Path) -> None:
    put(SYS_PARAMS, setting("mon-sun", "*"), setting("mon-sat 2024-05-14", "gels_fpms"))
    done = json.loads(ok("open", "gels_fpms", *WEEK, "--json"))
    assert done == {
        "group": "gels_fpms",
        "opened": ["2024-05-13", "2024-05-16", "2024-05-17", "2024-05-18"],
        "already_open": [WEDNESDAY],
        "not_business_days": ["2024-05-14", "2024-05-19"],
    }
    assert ok("open", "gels_fpms", *WEEK) == (
        "Opened 0 dates of gels_fpms.\n"
        "open already: 2024-05-13, 2024-05-15, 2024-05-16, 2024-05-17, 2024-05-18\n"
        "not business days, so not opened: 2024-05-14, 2024-05-19 (--every-day opens them too)\n"
    )


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["gels_fmps", WEDNESDAY], 1, "no group gels_fmps: .*did you mean gels_fpms?"),
        (["new", "one", WEDNESDAY], 1, "no group new_one: .*`orch apply` adds its jobs"),
        (["gels_fpms", "--from", "2024-05-18", "--to", "2024-05-19"], 1, "--every-day opens each"),
        (["gels_fpms"], 2, "give --biz-dt"),
        (["gels_fpms", "--from", WEDNESDAY], 2, "give --biz-dt"),
        (["gels_fpms", WEDNESDAY, *WEEK], 2, "give --biz-dt"),
        (["gels_fpms", "--from", "2024-05-19", "--to", "2024-05-13"], 2, "is after --to"),
        (["gels_fpms", "--from", "2024-05-13", "--to", "2040-05-13"], 2, "5,845 days"),
        (["gels_fpms", WEDNESDAY, "--every-day"], 2, "are for a range"),
        (["gels_fpms", *WEEK, "--calendar", "sun-moon"], 2, "--calendar"),
        (["gels_fpms", *WEEK, "--calendar", "file:/etc/passwd"], 2, "--calendar"),
    ],
)
def test_what_cannot_be_opened_is_refused(
    sample: Path, words: list[str], code: int, said: str
) -> None:
    told = orch("open", *words)
    assert told.exit_code == code
    first, *more = said.split(".*")
    assert first in told.stderr
    assert all(part in told.stderr for part in more)
    assert days() == ["15"]


def landed(day: str, number: int, status: str = "Completed", **columns: Any) -> dict[str, Any]:
    start = datetime(2024, 5, 20, number, tzinfo=timezone.utc)
    return {
        "id": f"{number}_x", "job_id": "JOB_1001", "job_name": JOB, "biz_dt": day,
        "status": status, "start_time": start, "run_id": f"run-{number}", **columns,
    }  # fmt: skip


def test_close_undoes_open(sample: Path) -> None:
    before = rows()
    ok("open", "gels_fpms", *WEEK)
    words = ["gels_fpms", "--from", "2024-05-16", "--to", "2024-05-19"]
    assert ok("close", *words) == "Closed 2 dates of gels_fpms: 2024-05-16, 2024-05-17\n"
    said = ok("close", "GELS", "FPMS", "2024-05-13", "2024-05-14", "2024-05-19")
    assert said.endswith("2024-05-13, 2024-05-14\nnot open: 2024-05-19\n")
    assert rows() == before
    with opened_instance(load_settings()) as instance:
        assert instance.get_dynamic_partitions(partitions_name("gels_fpms")) == [WEDNESDAY]


def test_a_landed_date_and_values_of_a_user_are_not_closed_unasked(sample: Path) -> None:
    ok("open", "gels_fpms", *WEEK)
    put(EXECUTION_LOG, landed("2024-05-13", 1), landed("2024-05-14", 2, "Failed: no"))
    own = {"business_keys": "policy_no", "start_dt": "2024-05-01", "reprocess_dt": "2024-06-01"}
    put(PROCESS_CONTROL, {**GROUP, "biz_dt": "2024-05-16", **own})
    before = rows()
    week = ["--from", "2024-05-13", "--to", "2024-05-16"]
    told = orch("close", "gels_fpms", *week)
    assert (told.exit_code, told.stdout) == (1, "")
    assert told.stderr.splitlines() == [
        "orch: nothing was closed:",
        f"  2024-05-13 has landed ({JOB}): its data stays",
        "  2024-05-16 has start_dt 2024-05-01, business_keys policy_no, reprocess_dt 2024-06-01, "
        "which `orch open` would not write again",
        "  --force closes them all the same",
    ]
    assert rows() == before
    assert f"2024-05-13 has landed ({JOB}): its data stays" in ok(
        "close", "gels_fpms", *week, "--force"
    )
    assert days() == ["17"]
    # The keys of a group are in its rows alone.
    told = orch("close", "gels_fpms", "2024-05-17")
    assert "2024-05-17 has business_keys contract_no, compare_cols product_code," in told.stderr
    assert days() == ["17"]


def test_a_date_that_a_run_holds_is_not_closed(sample: Path) -> None:
    location = load_location(load_settings())
    job = ControlTables(lambda: location).get_job(JOB)
    with opened_instance(load_settings()) as instance:
        run = _going(instance, job)
    told = orch("close", "gels_fpms", WEDNESDAY, "--force")
    assert told.exit_code == 1
    assert f"{WEDNESDAY}: run {run} of that date has not ended" in told.stderr
    assert days() == ["15"]


def _going(instance: DagsterInstance, job: Any) -> str:
    tags = tags_of([WEDNESDAY])
    return instance.create_run_for_job(job, status=DagsterRunStatus.STARTED, tags=tags).run_id


def test_reprocess_requests_dates_and_takes_it_back(sample: Path) -> None:
    ok("open", "gels_fpms", "2024-05-16")
    said = ok("reprocess", "gels_fpms", WEDNESDAY, "--on", "2024-06-01")
    assert "All jobs of gels_fpms run 1 date again from 2024-06-01 on: 2024-05-15\n" in said
    assert "`orch run gels_fpms --due`" in said
    assert [row["reprocess_dt"] for row in rows().values()] == ["2024-06-01", None]
    # The other columns stay.
    assert rows()[WEDNESDAY]["business_keys"] == "contract_no"
    told = orch("reprocess", "JOB_1001", "--from", "2024-05-14", "--to", "2024-05-16")
    assert "skipped, because they are not open: 2024-05-14" in told.stderr
    today = {(datetime.now(timezone.utc) + timedelta(hours=h)).date() for h in (-14, 0, 14)}
    requested = {row["reprocess_dt"] for row in rows().values()}
    assert len(requested) == 1
    assert requested <= {day.isoformat() for day in today}
    assert "dates: 2024-05-15" in ok("due").replace("2024-05-15  ", "dates: 2024-05-15")
    ok("reprocess", "gels_fpms", WEDNESDAY, "2024-05-16", "--undo")
    assert {row["reprocess_dt"] for row in rows().values()} == {None}


def test_a_closed_date_is_not_reprocessed(sample: Path) -> None:
    before = rows()
    told = orch("reprocess", "gels_fpms", WEDNESDAY, "2024-05-16")
    assert told.exit_code == 1
    assert "not open: 2024-05-16; open them with `orch open gels_fpms --biz-dt" in told.stderr
    assert rows() == before


def test_dates_show_the_state_of_each_day(sample: Path) -> None:
    ok("open", "gels_fpms", *WEEK)
    put(
        EXECUTION_LOG,
        landed("2024-05-13", 1, row_count=7),
        # Landed once, and failed since.
        landed("2024-05-14", 2),
        landed("2024-05-14", 3, "Failed: no"),
        # Failed once, and landed since.
        landed("2024-05-15", 5),
        landed("2024-05-15", 4, "Failed: no"),
        landed("2024-05-16", 6, "Started"),
        landed("2024-05-17", 7, "Canceled"),
        # Landed, and closed since.
        landed("2024-05-18", 8),
    )
    (of_job,) = json.loads(ok("dates", "gels_fpms", *WEEK, "--json"))
    states = [each["state"] for each in of_job["dates"]]
    assert states == ["landed", "failed", "landed", "running", "open", "closed", "closed"]
    assert of_job["counts"] == {"landed": 2, "failed": 1, "running": 1, "open": 1, "closed": 2}
    assert of_job["dates"][0] == {
        "biz_dt": "2024-05-13", "state": "landed", "row_count": 7, "run_id": "run-1"
    }  # fmt: skip
    assert ok("dates", "JOB_1001", *WEEK).splitlines() == [
        "gels_fpms, 2024-05-13 to 2024-05-19 (open dates in all: 5)",
        f"{JOB}  landed 2, failed 1, running 1, open 1, closed 2",
        "  2024-05-13  LFLRo..",
        "  L landed  F failed  R running  o open  . closed  ",
    ]
    # By default a month up to the newest open date.
    (of_job,) = json.loads(ok("dates", "--json"))
    assert [each["biz_dt"] for each in of_job["dates"]][::30] == ["2024-04-17", "2024-05-17"]


def test_dates_may_be_named_one_by_one(sample: Path) -> None:
    words = ["dates", "--biz-dt", "2024-05-17", "--biz-dt", WEDNESDAY]
    (document,) = json.loads(ok(*words, "--json"))
    assert {each["biz_dt"]: each["state"] for each in document["dates"]} == {
        WEDNESDAY: "open",
        "2024-05-17": "closed",
    }
    assert orch(*words, "--from", WEDNESDAY).exit_code == 2


@pytest.mark.parametrize("width", [80, 200])
def test_dates_fit_the_terminal(sample: Path, width: int) -> None:
    (group,) = load_location(load_settings()).registry.groups.values()
    with opened_store(load_settings()) as store:
        shown = dates_of_group(store, group, "2024-01-10", "2024-05-31")
    lines = [line.plain for line in dates_lines(shown, width)]
    assert max(map(len, lines)) <= width
    assert [line.split()[0] for line in lines if line.startswith("  2024")] == [
        "2024-01-10", "2024-02-01", "2024-03-01", "2024-04-01", "2024-05-01"
    ]  # fmt: skip
    assert "".join(line.split()[1] for line in lines if line.startswith("  2024")) == (
        "." * 126 + "o" + "." * 16
    )


def test_without_an_open_date_the_command_is_named(sample: Path) -> None:
    ok("close", "gels_fpms", WEDNESDAY, "--force")
    assert "open one with `orch open gels_fpms --biz-dt DATE`" in ok("dates")
