"""A step from its beginning to its parameters, on the embedded store and without Dagster."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from orch_dagster.control.group import GroupKey
from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import EXECUTION_LOG, JOB_MASTER, PROCESS_CONTROL, Row
from orch_dagster.defs.step.begun import BegunStep, StepRequest, begin_step
from orch_dagster.defs.step.load_params import load_params
from orch_dagster.errors import NotReadyError, TransientStoreError
from orch_dagster.execution_log import DateResult
from orch_dagster.run_log import RunLog
from orch_dagster.settings import Settings
from tests.begun_steps import CREATED, DAY, KEY, LOG_NAME, RUN_ID, KeptReports, fill, request, spec

NEXT = "2024-05-16"
Loader = Callable[[StepRequest], BegunStep]


@pytest.fixture
def reporter() -> KeptReports:
    return KeptReports()


@pytest.fixture
def load(store: ControlStore, settings: Settings, reporter: KeptReports) -> Loader:
    """Begins a step and loads its parameters, as the IO manager does."""

    def load(asked: StepRequest) -> BegunStep:
        return load_params(begin_step(asked, reporter, store, settings), store, settings)

    return load


def rows(store: ControlStore) -> dict[object, Row]:
    return {row["biz_dt"]: row for row in store.read(EXECUTION_LOG)}


def statuses(store: ControlStore) -> dict[object, object]:
    return {day: row["status"] for day, row in rows(store).items()}


def log_of(settings: Settings) -> str:
    return (settings.logs_dir / LOG_NAME).read_text(encoding="utf-8")


def test_a_step_of_one_date(
    load: Loader, store: ControlStore, settings: Settings, reporter: KeptReports
) -> None:
    fill(store)
    step = load(request())
    step.run_log.close()

    assert statuses(store) == {DAY: "Started"}
    assert reporter.messages == [f"job started for {DAY}"]
    assert reporter.warnings == []
    assert step.params.bundle.biz_dts == (DAY,)
    assert step.params.file == settings.params_dir / RUN_ID / "job.json"
    assert json.loads(step.params.file.read_text())["metadata"]["biz_dts"] == [DAY]
    assert step.log_metadata == {
        "log_file": dg.MetadataValue.path(str(settings.logs_dir / LOG_NAME))
    }
    assert log_of(settings).endswith(f"[orch] job started for {DAY}\n")
    (date,) = store.read(PROCESS_CONTROL)
    assert date["run_id"] == RUN_ID
    (stamped,) = step.params.bundle.process_control
    assert (stamped.run_id, stamped.last_update_ts) == (RUN_ID, date["last_update_ts"])


def test_a_step_without_its_parameters_says_whose_part_they_are(
    store: ControlStore, settings: Settings, reporter: KeptReports
) -> None:
    step = begin_step(request(), reporter, store, settings)
    step.run_log.close()
    with pytest.raises(dg.DagsterInvariantViolationError, match="job has not loaded"):
        _ = step.params


def test_of_several_dates_those_that_are_not_open_are_skipped(
    load: Loader, store: ControlStore, reporter: KeptReports, settings: Settings
) -> None:
    fill(store, DAY)
    step = load(request(DAY, NEXT))
    step.run_log.close()

    assert step.params.bundle.biz_dts == (DAY,)
    assert statuses(store) == {DAY: "Started"}
    assert reporter.messages == [f"job started for {DAY}"]
    assert reporter.warnings == [f"skipped, because they are not open: {NEXT}"]
    # Of the run or not: what the step finds open, it shows.
    assert {group: {*days} for group, days in reporter.open_dates.items()} == {
        GroupKey("GELS", "FPMS"): {DAY}
    }
    assert f"WARN  [orch] skipped, because they are not open: {NEXT}" in log_of(settings)


def test_dates_whose_parent_has_not_completed_fail_and_the_others_go_on(
    load: Loader, store: ControlStore
) -> None:
    fill(store, DAY, NEXT)
    done = {"id": "1", "job_id": "J_first", "job_name": "first", "biz_dt": NEXT}
    store.upsert(EXECUTION_LOG, [{**done, "status": "Completed"}])
    step = load(replace(request(DAY, NEXT), parents_outside=(spec("first"),)))
    step.run_log.close()

    assert step.params.bundle.biz_dts == (NEXT,)
    mine = {row["biz_dt"]: row["status"] for row in store.read(EXECUTION_LOG, {"job_id": "J_job"})}
    assert mine == {
        DAY: "Failed: job waits for its parents: first (J_first) has not completed 2024-05-15: "
        "run it with `orch run first --biz-dt 2024-05-15`",
        NEXT: "Started",
    }


def test_a_parent_that_has_completed_no_date_fails_the_step(
    load: Loader, store: ControlStore
) -> None:
    fill(store)
    with pytest.raises(dg.Failure, match="waits for its parents: first") as caught:
        load(replace(request(), parents_outside=(spec("first"),)))
    assert caught.value.allow_retries is False
    assert rows(store)[DAY]["error_message"] == caught.value.description


def test_dates_that_cannot_be_used_fail_the_step(
    load: Loader, store: ControlStore, settings: Settings, reporter: KeptReports
) -> None:
    fill(store)
    with pytest.raises(dg.Failure, match="the run names no business date") as caught:
        load(replace(request(""), fault=NotReadyError("the run names no business date")))
    assert statuses(store) == {None: "Failed: the run names no business date"}
    assert "log_file" in caught.value.metadata
    assert log_of(settings).endswith("ERROR [orch] the run names no business date\n")
    assert reporter.messages[-1] == "job ended:  failed"


def test_a_date_that_is_not_open_names_the_command_that_opens_it(
    load: Loader, store: ControlStore
) -> None:
    fill(store, NEXT)
    with pytest.raises(dg.Failure, match=f"`orch open gels_fpms --biz-dt {DAY}`"):
        load(request())
    assert str(statuses(store)[DAY]).startswith("Failed: the business date is not open")


def test_a_job_whose_row_is_gone_fails(load: Loader, store: ControlStore) -> None:
    fill(store)
    store.delete(JOB_MASTER, [{"job_id": "J_job"}])
    with pytest.raises(dg.Failure, match="no longer has the row job_id=J_job"):
        load(request())


def test_a_retry_that_cannot_be_read_fails_and_names_the_row(
    load: Loader, store: ControlStore
) -> None:
    fill(store, retry_max="many")
    with pytest.raises(dg.Failure, match=r"retry\.max.*'many' is not a whole number"):
        load(request())


def test_the_jobs_own_retries_hold_from_then_on(load: Loader, store: ControlStore) -> None:
    fill(store, retry_max="2", retry_delay="5")
    step = load(request())
    step.run_log.close()
    assert (step.attempt.retries.max, step.attempt.retries.delay_s) == (2, 5.0)
    assert step.attempt.may_retry


def test_a_later_attempt_takes_only_the_dates_that_have_not_ended(
    load: Loader, store: ControlStore
) -> None:
    fill(store, DAY, NEXT)
    first = load(request(DAY, NEXT))
    first.writer.end({DAY: DateResult("completed", CREATED)})
    first.run_log.close()
    second = load(request(DAY, NEXT, attempt=2, reports=[first.writer.report]))
    second.run_log.close()

    assert second.params.bundle.biz_dts == (NEXT,)
    assert second.writer.report.attempt == 2
    assert {day: (row["status"], row["attempts"]) for day, row in rows(store).items()} == {
        DAY: ("Completed", 1),
        NEXT: ("Started", 1),
    }


class TestWithoutAStore:
    """The store takes the step's row, and then does not answer."""

    def test_the_store_is_the_reason(
        self, load: Loader, store: ControlStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fill(store)
        self._never_answers(store, monkeypatch)
        with pytest.raises(dg.Failure, match="the store does not answer") as caught:
            load(request())
        assert statuses(store) == {DAY: f"Failed: {caught.value.description}"}

    def test_the_retries_of_the_time_before_hold(
        self,
        load: Loader,
        store: ControlStore,
        reporter: KeptReports,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        fill(store, retry_max="1", retry_delay="7")
        load(request()).run_log.close()
        self._never_answers(store, monkeypatch)
        with pytest.raises(dg.RetryRequested) as caught:
            load(request())
        assert (caught.value.max_retries, caught.value.seconds_to_wait) == (1, 7.0)
        assert statuses(store) == {DAY: "Started"}
        assert reporter.warnings[-1] == (
            "attempt 1 of 2 failed, the next one is in 7 s: "
            f"control store {store.address}: the store does not answer"
        )
        with pytest.raises(dg.Failure):
            load(request(attempt=2))

    def _never_answers(self, store: ControlStore, monkeypatch: pytest.MonkeyPatch) -> None:
        """Only the stamp fails, which comes first; the waits are with_retries' own tests'."""
        monkeypatch.setattr("orch_dagster.defs.step.load_params.with_retries", _once)

        def fail(*_: object, **__: object) -> int:
            raise TransientStoreError("the store does not answer", store=store.address)

        monkeypatch.setattr(store, "update", fail)


def _once(call: Callable[[], object], **_: object) -> object:
    return call()


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (RuntimeError("a fault of ours"), "Failed: RuntimeError: a fault of ours"),
        (KeyboardInterrupt(), "Canceled"),
        (dg.DagsterExecutionInterruptedError(), "Canceled"),
    ],
)
def test_an_interrupt_or_an_unexpected_error_ends_the_rows_and_closes_the_log(
    load: Loader,
    store: ControlStore,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    status: str,
) -> None:
    fill(store, DAY, NEXT)
    closed = closed_logs(monkeypatch)

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("orch_dagster.defs.step.load_params.fetch_bundle", fail)
    with pytest.raises(type(error)):
        load(request(DAY, NEXT))
    assert statuses(store) == {DAY: status, NEXT: status}
    assert closed == [settings.logs_dir / LOG_NAME]
    assert f"ERROR [orch] job {'canceled' if status == 'Canceled' else 'failed'}: " in log_of(
        settings
    )


def closed_logs(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The run logs that are closed from now on."""
    closed: list[Path] = []
    close = RunLog.close

    def noted(log: RunLog) -> None:
        closed.append(log.path)
        close(log)

    monkeypatch.setattr(RunLog, "close", noted)
    return closed


def test_a_step_that_cannot_report_its_start_closes_its_log(
    load: Loader,
    store: ControlStore,
    settings: Settings,
    reporter: KeptReports,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fill(store)
    closed = closed_logs(monkeypatch)

    def fail(*_: object) -> None:
        raise RuntimeError("Dagster's storage is away")

    monkeypatch.setattr(reporter, "report", fail)
    with pytest.raises(RuntimeError, match="storage is away"):
        load(request())
    assert closed == [settings.logs_dir / LOG_NAME]


def test_a_log_that_cannot_be_opened_fails_before_anything_is_read(
    load: Loader, store: ControlStore, settings: Settings, reporter: KeptReports
) -> None:
    fill(store)
    settings.logs_dir.parent.mkdir(exist_ok=True)
    settings.logs_dir.write_text("a file in the folder's place")
    with pytest.raises(dg.Failure) as caught:
        load(request())
    assert rows(store)[DAY]["error_message"] == caught.value.description
    assert reporter.messages == [f"job started for {DAY}", f"job ended: {DAY} failed"]
    (date,) = store.read(PROCESS_CONTROL, KEY)
    assert date["run_id"] is None
