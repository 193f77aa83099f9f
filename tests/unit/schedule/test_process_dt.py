"""process_dt: which dates a run completes, and what is written of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone

import pytest

from orch_dagster.control.group import GroupKey
from orch_dagster.control.records import ExecutionLog
from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import EXECUTION_LOG, PROCESS_CONTROL
from orch_dagster.registry.context_params import ContextParams
from orch_dagster.registry.jobs import Group, JobSpec
from orch_dagster.schedule.process_dt import completed_by_run, stamp_process_dts

CONTEXT = ContextParams(entity="GELS", source_system="FPMS")
KEY = GroupKey("GELS", "FPMS")
GROUP = Group(
    KEY, tuple(JobSpec(job_id, f"job_{job_id}", CONTEXT, "landing.py") for job_id in "ab")
)


def at(day: int, hour: int = 3) -> datetime:
    return datetime(2024, 5, day, hour, tzinfo=timezone.utc)


def row(
    job_id: str, biz_dt: str, status: str = "Completed", end: datetime | None = None
) -> ExecutionLog:
    return ExecutionLog(
        f"{job_id} {biz_dt} {status}",
        job_id=job_id,
        biz_dt=biz_dt,
        status=status,
        end_time=end or at(16),
    )


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([row("a", "2024-05-15"), row("b", "2024-05-15", end=at(17))], {"2024-05-15": at(17)}),
        # Whatever of it failed, was canceled, or was never reached.
        ([row("a", "2024-05-15"), row("b", "2024-05-15", "Failed: no rows")], {}),
        ([row("a", "2024-05-15"), row("b", "2024-05-15", "Canceled")], {}),
        ([row("a", "2024-05-15")], {}),
        ([], {}),
        # Of several dates those that all of its jobs completed.
        (
            [row("a", "2024-05-14"), row("b", "2024-05-14"), row("a", "2024-05-15")],
            {"2024-05-14": at(16)},
        ),
        # A job of another source in the same run.
        (
            [row("a", "2024-05-15"), row("b", "2024-05-15"), row("x", "2024-05-15", end=at(20))],
            {"2024-05-15": at(16)},
        ),
    ],
)
def test_what_a_run_completes(rows: Sequence[ExecutionLog], expected: dict[str, datetime]) -> None:
    assert completed_by_run(rows, ["a", "b"]) == expected


@pytest.fixture
def opened(store: ControlStore) -> ControlStore:
    store.upsert(PROCESS_CONTROL, [{**KEY.columns, "biz_dt": f"2024-05-{day}"} for day in (14, 15)])
    return store


def log(store: ControlStore, *rows: ExecutionLog) -> None:
    store.upsert(EXECUTION_LOG, [one.to_row() for one in rows])


def process_dt(store: ControlStore, biz_dt: str = "2024-05-15") -> object:
    (found,) = store.read(PROCESS_CONTROL, {**KEY.columns, "biz_dt": biz_dt}, ["process_dt"])
    return found["process_dt"]


def test_it_waits_for_the_last_job_whichever_run_it_is_of(opened: ControlStore) -> None:
    log(opened, row("a", "2024-05-15"), row("b", "2024-05-15", "Failed: no rows"))
    assert stamp_process_dts(opened, GROUP, {"2024-05-15": at(16)}, "UTC") == []
    assert process_dt(opened) is None

    log(opened, row("b", "2024-05-15"))
    assert stamp_process_dts(opened, GROUP, {"2024-05-15": at(17)}, "UTC") == ["2024-05-15"]
    assert process_dt(opened) == "2024-05-17"
    assert process_dt(opened, "2024-05-14") is None


def test_the_date_is_that_of_the_time_zone(opened: ControlStore) -> None:
    log(opened, row("a", "2024-05-15"), row("b", "2024-05-15"))
    stamp_process_dts(opened, GROUP, {"2024-05-15": at(16, hour=3)}, "America/New_York")
    assert process_dt(opened) == "2024-05-15"
    stamp_process_dts(opened, GROUP, {"2024-05-15": at(16, hour=20)}, "Asia/Singapore")
    assert process_dt(opened) == "2024-05-17"


def test_again_and_late_it_changes_nothing(opened: ControlStore) -> None:
    log(opened, row("a", "2024-05-15"), row("b", "2024-05-15"))
    ends = {"2024-05-15": at(17)}
    assert stamp_process_dts(opened, GROUP, ends, "UTC") == ["2024-05-15"]
    assert stamp_process_dts(opened, GROUP, ends, "UTC") == []
    # An older run that the sensor comes to read after the newer one.
    assert stamp_process_dts(opened, GROUP, {"2024-05-15": at(16)}, "UTC") == []
    assert process_dt(opened) == "2024-05-17"


def test_a_date_whose_row_is_gone_is_not_opened_by_it(store: ControlStore) -> None:
    log(store, row("a", "2024-05-15"), row("b", "2024-05-15"))
    assert stamp_process_dts(store, GROUP, {"2024-05-15": at(16)}, "UTC") == []
    assert store.read(PROCESS_CONTROL) == []
