"""Which dates of a group are due, why, with which jobs, and which of them land in one run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import pytest

from orch_dagster.control.group import GroupKey
from orch_dagster.control.records import ProcessControl
from orch_dagster.registry.context_params import ContextParams
from orch_dagster.registry.jobs import Group, JobSpec
from orch_dagster.schedule.calendar import Calendar
from orch_dagster.schedule.due import DueDate, DueFacts, due_of_group, missed_days, runs_of
from orch_dagster.schedule.settings import TickParams

KEY = GroupKey("GELS", "FPMS")


def spec(name: str, *parents: str) -> JobSpec:
    context = ContextParams(entity="GELS", source_system="FPMS")
    return JobSpec(name, name, context, "landing.py", parents=parents)


FIRST, SECOND, MERGED = spec("first"), spec("second", "first"), spec("merged", "second", "other")
GROUP = Group(KEY, (FIRST, SECOND, MERGED))


def facts(done: Sequence[str] = (), **values: object) -> DueFacts:
    """One open date; done are the jobs that completed it."""
    row = ProcessControl(*KEY, "2024-05-15", reprocess_dt="2024-05-20")
    known = DueFacts(GROUP, {row.biz_dt: row}, {}, {(name, row.biz_dt) for name in done})
    return replace(known, **values)


@pytest.mark.parametrize(
    ("done", "reasons", "jobs", "waiting"),
    [
        ([], ("not completed",), (FIRST, SECOND), ("merged",)),
        (["other"], ("not completed",), (FIRST, SECOND, MERGED), ()),
        (["first", "other"], ("not completed by second, merged",), (SECOND, MERGED), ()),
        # All that is left waits, and so the date stays due without a job to run.
        (["first", "second"], ("not completed by merged",), (), ("merged",)),
    ],
)
def test_an_open_date_is_due_for_the_jobs_that_have_not_completed_it(
    done: list[str], reasons: tuple[str, ...], jobs: tuple[JobSpec, ...], waiting: tuple[str, ...]
) -> None:
    (due,) = due_of_group(facts(done))
    assert (due.reasons, due.specs, due.waiting) == (reasons, jobs, waiting)
    assert (due.is_open, due.reprocess) == (True, None)


def test_a_completed_date_is_not_due() -> None:
    assert due_of_group(facts(["first", "second", "merged"])) == []


def test_a_completed_date_is_due_again_by_its_reprocess_dt() -> None:
    behind = spec("behind", "merged")
    done = ["first", "second", "merged", "other", "behind"]
    again = {"2024-05-15": [FIRST, SECOND, MERGED, behind]}
    (due,) = due_of_group(facts(done, again=again))
    assert due.reasons == ("reprocess_dt 2024-05-20",)
    assert due.specs == (FIRST, SECOND, MERGED, behind)
    assert due.reprocess is not None


def test_a_business_day_that_is_not_open_is_due_for_the_jobs_of_its_schedule() -> None:
    missed = {"2024-05-16": [SECOND, FIRST], "2024-05-14": [FIRST]}
    due = due_of_group(facts(["first", "second", "merged"], missed=missed))
    assert [(each.biz_dt, each.specs, each.is_open) for each in due] == [
        ("2024-05-14", (FIRST,), False),
        ("2024-05-16", (FIRST, SECOND), False),
    ]


@pytest.mark.parametrize(
    ("today", "up_to", "opened", "catchup", "expected"),
    [
        # The 15th is a Wednesday; a tick asks for the business day before.
        (17, None, ["2024-05-15"], 5, (["2024-05-16"], 0)),
        (16, None, ["2024-05-15"], 5, ([], 0)),
        (16, None, [], 5, (["2024-05-15"], 0)),
        # On a weekend what Friday's tick asked for.
        (19, None, ["2024-05-15"], 5, (["2024-05-16"], 0)),
        (22, None, ["2024-05-15"], 1, (["2024-05-16", "2024-05-17"], 2)),
        (22, None, ["2024-05-15"], 0, (["2024-05-21"], 0)),
        # A gap that a daemon noted.
        (17, 13, ["2024-05-10", "2024-05-15", "2024-05-16"], 5, (["2024-05-14"], 0)),
        # A date that was opened ahead.
        (16, None, ["2024-05-16"], 5, (["2024-05-15"], 0)),
    ],
)
def test_missed_business_days(
    today: int,
    up_to: int | None,
    opened: list[str],
    catchup: int,
    expected: tuple[list[str], int],
) -> None:
    params = TickParams(Calendar(), 1, catchup)
    noted = date(2024, 5, up_to) if up_to else None
    assert missed_days(date(2024, 5, today), noted, opened, params) == expected


def test_dates_with_the_same_jobs_are_one_run() -> None:
    def due(day: int, *specs: JobSpec, held_by: str | None = None) -> DueDate:
        return DueDate(f"2024-05-{day}", (), specs, held_by=held_by)

    dates = [
        due(10, FIRST),
        due(13, FIRST),
        due(14, FIRST, held_by="x"),
        due(15),
        due(16, FIRST),
        due(17, FIRST, SECOND),
        due(20, FIRST),
    ]
    runs = [[each.biz_dt[-2:] for each in run] for run in runs_of(dates, dates_per_run=2)]
    assert runs == [["10", "13"], ["16"], ["17"], ["20"]]
