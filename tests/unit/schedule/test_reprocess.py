"""When a date whose reprocess_dt has come is asked for again, and with which jobs."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from orch_dagster.control.group import GroupKey
from orch_dagster.control.records import ProcessControl
from orch_dagster.registry.context_params import ContextParams
from orch_dagster.registry.jobs import JobSpec, Registry
from orch_dagster.schedule.reprocess import Attempt, downstream, due_rows, why_not_now

NOW = datetime(2024, 6, 1, 12, 0, tzinfo=timezone.utc)
TODAY = {GroupKey("GELS", "FPMS"): "2024-06-01", GroupKey("ACME", "CRM"): "2024-05-31"}


def row(
    reprocess_dt: str | None,
    run_id: str | None = None,
    biz_dt: str = "2024-05-15",
    entity: str = "GELS",
) -> ProcessControl:
    system = {"GELS": "FPMS", "ACME": "CRM"}.get(entity, "NONE")
    return ProcessControl(entity, system, biz_dt, reprocess_dt=reprocess_dt, run_id=run_id)


def tried(
    run_id: str,
    reprocess_dt: str | None = "2024-06-01",
    row_run_id: str = "",
    *,
    is_over: bool = True,
    is_settled: bool = False,
    locked_min: int | None = None,
) -> Attempt:
    """A run; with `locked_min` it ended so many minutes ago, on a lock from outside."""
    at = None if locked_min is None else NOW - timedelta(minutes=locked_min)
    return Attempt(run_id, is_over, reprocess_dt, row_run_id, is_settled, locked_at=at)


@pytest.mark.parametrize(
    ("run_id", "attempts", "expected"),
    [
        # Nobody ran it, or somebody did for another reason.
        (None, [], None),
        ("old", [tried("old", None)], None),
        # A run of the date has not ended, whatever it is for.
        ("old", [tried("new", None, is_over=False)], "run new of that date has not ended"),
        ("x", [tried("x", row_run_id="old", is_over=False)], "run x of that date has not ended"),
        # It was asked for and failed: before it noted itself on the row, and after.
        (None, [tried("x")], "run x was requested"),
        ("old", [tried("x", row_run_id="old")], "run x was requested"),
        ("x", [tried("x", row_run_id="old")], "run x was requested"),
        # The one that failed was gone on with, with its tags.
        ("y", [tried("y", row_run_id="old"), tried("x", row_run_id="old")], "run y was requested"),
        # The row has changed since: another run noted itself, or the value is another.
        ("z", [tried("x", row_run_id="old")], None),
        ("x", [tried("x", "2024-05-31", "old")], None),
        # All was completed, and the same value was given anew.
        ("x", [tried("x", row_run_id="old", is_settled=True)], None),
        # A process that no run of the instance is held the date: it is tried again, ever later.
        (
            "x",
            [tried("x", locked_min=4)],
            "a process outside this instance held the date's lock; "
            "it is requested again at 2024-06-01 12:01 UTC",
        ),
        ("x", [tried("x", locked_min=5)], None),
        ("y", [tried("y", locked_min=9), tried("x", locked_min=30)], "a process outside"),
        ("y", [tried("y", locked_min=10), tried("x", locked_min=30)], None),
        ("y", [tried("y", row_run_id="x"), tried("x", locked_min=30)], "run y was requested"),
        ("y", [tried("y", "2024-05-31", locked_min=1)], None),
        ("y", [tried("z", None, is_over=False), tried("y", locked_min=9)], "run z of that date"),
    ],
)
def test_whether_it_is_asked_for(
    run_id: str | None, attempts: list[Attempt], expected: str | None
) -> None:
    reason = why_not_now(row("2024-06-01", run_id), attempts, NOW)
    assert reason is None if expected is None else str(reason).startswith(expected)


def test_what_is_due_is_told_by_the_date_of_its_own_source() -> None:
    due = [
        row("2024-06-01", biz_dt="2024-05-14"),
        row("2024-05-31", biz_dt="2024-05-14", entity="ACME"),
        row("2023-01-01"),
    ]
    later = [row("2024-06-02"), row("2024-06-01", entity="ACME"), row(None), row("")]
    found, odd = due_rows([*reversed(due), *later], TODAY)
    assert found == [due[1], due[0], due[2]]
    assert odd == []


def test_what_cannot_be_asked_for_is_named_and_the_others_are() -> None:
    rows = [
        row("01/06/2024"),
        row("2024-06-01", biz_dt="15/05/2024"),
        row("2024-06-01", entity="GONE"),
        row("2024-06-01"),
    ]
    due, odd = due_rows(rows, TODAY)
    assert due == [rows[3]]
    assert odd == [
        "process_control (entity=GELS, source_system=FPMS, biz_dt=2024-05-15): reprocess_dt "
        "'01/06/2024' is not a date such as 2024-05-15",
        "process_control (entity=GELS, source_system=FPMS, biz_dt=15/05/2024): reprocess_dt is "
        "set, but biz_dt is not a date such as 2024-05-15",
        "process_control (entity=GONE, source_system=NONE, biz_dt=2024-05-15): reprocess_dt is "
        "set, but the group has no valid job",
    ]


def test_jobs_of_other_groups_that_wait_for_it_however_far() -> None:
    def spec(name: str, entity: str, *parents: str) -> JobSpec:
        context = ContextParams(entity=entity, source_system="S")
        return JobSpec(name, name, context, "landing.py", parents=parents)

    specs = [
        spec("a", "A"),
        spec("x", "X"),
        spec("b", "A", "a"),
        spec("c", "C", "b", "x"),
        spec("d", "D", "c"),
        spec("e", "X", "x"),
    ]
    registry = Registry({one.job_name: one for one in specs})
    names = [one.job_name for one in downstream(registry, registry.groups["a_s"])]
    assert names == ["c", "d"]
