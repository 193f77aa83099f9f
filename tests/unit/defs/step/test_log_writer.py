"""What a step reports, and its rows: also while the store is away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import EXECUTION_LOG, Row, Table
from orch_dagster.defs.step.log_writer import ExecutionLogWriter, StepRun, first_report
from orch_dagster.errors import TransientStoreError
from orch_dagster.execution_log import DateResult
from tests.begun_steps import CREATED, DAY, RUN_ID, KeptReports, spec

NEXT = "2024-05-16"


@pytest.fixture
def reporter() -> KeptReports:
    return KeptReports()


@pytest.fixture
def writer(store: ControlStore, reporter: KeptReports) -> ExecutionLogWriter:
    run = StepRun(RUN_ID, CREATED, reporter.report)
    return ExecutionLogWriter(run, store, reporter.warn, first_report(spec(), (DAY, NEXT)))


def statuses(store: ControlStore) -> dict[str, object]:
    return {str(row["biz_dt"]): row["status"] for row in store.read(EXECUTION_LOG)}


def test_the_end_of_a_date_stands(
    writer: ExecutionLogWriter, store: ControlStore, reporter: KeptReports
) -> None:
    writer.start()
    writer.end({DAY: DateResult("completed", CREATED)})
    writer.fail({DAY: "too late"})
    writer.end_all("failed", "the rest")
    assert statuses(store) == {DAY: "Completed", NEXT: "Failed: the rest"}
    assert reporter.messages == [
        f"job started for {DAY}, {NEXT}",
        f"job ended: {DAY} completed",
        f"job ended: {NEXT} failed",
    ]
    # An event has the news alone; the writer knows all.
    assert [report.biz_dts for report in reporter.reports] == [(DAY, NEXT), (DAY,), (NEXT,)]
    assert set(writer.report.ends) == {DAY, NEXT}


def test_the_rows_that_landed_are_in_the_log(
    writer: ExecutionLogWriter, store: ControlStore
) -> None:
    writer.start()
    writer.end({DAY: DateResult("completed", CREATED, row_count=7)})
    writer.end_all("completed", row_counts={DAY: 8, NEXT: 0})
    counts = {row["biz_dt"]: row["row_count"] for row in store.read(EXECUTION_LOG)}
    assert counts == {DAY: 7, NEXT: 0}


def test_the_application_comes_with_the_end(
    writer: ExecutionLogWriter, store: ControlStore, reporter: KeptReports
) -> None:
    writer.start()
    writer.set_application("local-1")
    assert reporter.messages[-1] == "job is Spark application local-1"
    assert {row["spark_app_id"] for row in store.read(EXECUTION_LOG)} == {None}
    writer.end_all("completed")
    assert {row["spark_app_id"] for row in store.read(EXECUTION_LOG)} == {"local-1"}


def test_a_row_says_what_its_job_waits_for_until_it_runs_or_ends(
    writer: ExecutionLogWriter, store: ControlStore
) -> None:
    def messages() -> list[tuple[object, object]]:
        rows = sorted(store.read(EXECUTION_LOG), key=lambda row: str(row["biz_dt"]))
        return [(row["status"], row["error_message"]) for row in rows]

    writer.start()
    writer.end({DAY: DateResult("completed", CREATED)})
    writer.show_waiting("waiting for YARN: " + "é" * 500)
    (completed, waiting) = messages()
    assert completed == ("Completed", None)
    assert waiting[0] == "Started"
    assert str(waiting[1]).startswith("waiting for YARN: éé")
    assert len(str(waiting[1])) <= 500
    writer.show_waiting(None)
    assert messages() == [("Completed", None), ("Started", None)]
    writer.show_waiting("waiting for YARN: no node")
    writer.end_all("canceled")
    assert messages() == [("Completed", None), ("Canceled", None)]


def test_a_job_that_waits_goes_on_without_its_store(
    writer: ExecutionLogWriter,
    store: ControlStore,
    reporter: KeptReports,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> int:
        raise TransientStoreError("no answer", store=store.address)

    writer.start()
    monkeypatch.setattr(store, "update", fail)
    writer.show_waiting("waiting for YARN: no node")
    assert reporter.warnings[-1].endswith("its row does not say whether it waits.")


def test_a_store_that_is_away_is_waited_for_once_and_its_job_goes_on(
    writer: ExecutionLogWriter,
    store: ControlStore,
    reporter: KeptReports,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tries: list[str] = []

    def fail(_table: Table, _rows: Sequence[Mapping[str, object]]) -> list[Row]:
        tries.append("a try")
        raise TransientStoreError("no answer", store=store.address)

    # How long the waits are is with_retries' own test.
    monkeypatch.setattr(writer, "_waits_s", (0, 0))
    monkeypatch.setattr(store, "insert_ignore", fail)
    monkeypatch.setattr(store, "upsert", fail)
    writer.start()
    assert len(tries) == 3
    writer.end_all("completed")
    assert len(tries) == 4
    assert [text.split(". ")[-1] for text in reporter.warnings if "The job goes on" in text] == [
        "The job goes on; the sensor writes the row when the store is back."
    ] * 2
    assert [report.ends.keys() for report in reporter.reports] == [set(), {DAY, NEXT}]

    monkeypatch.undo()
    assert statuses(store) == {}
    writer.end_all("failed", "it has ended already")
    assert statuses(store) == {}
