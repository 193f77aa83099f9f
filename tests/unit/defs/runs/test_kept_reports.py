"""What a step could not write into Dagster's storage, and what becomes of it."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import pytest
from dagster import DagsterInstance, DagsterRun
from sqlalchemy.exc import OperationalError

from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import EXECUTION_LOG
from orch_dagster.defs.runs.kept_reports import KeptReports, send_kept_reports
from orch_dagster.defs.runs.liveness import PID_STARTED_TAG, process_tags
from orch_dagster.defs.step import io_manager
from orch_dagster.defs.step.io_manager import DagsterReporter
from orch_dagster.defs.step.log_writer import ExecutionLogWriter, StepRun, first_report
from orch_dagster.execution_log import DateResult, StepReport
from orch_dagster.settings import Settings, load_settings
from tests.code_location import add_jobs, open_date
from tests.played_runs import Played

DAY = "2024-05-15"
AT = datetime(2024, 5, 16, tzinfo=timezone.utc)
REPORT = StepReport("first", "first", (DAY,), AT, ends={DAY: DateResult("failed", AT, "é" * 500)})


@pytest.fixture
def location(store: ControlStore, played: Callable[[], Played]) -> Played:
    add_jobs(store, "FPMS", {"first": []})
    open_date(store, "FPMS", DAY)
    return played()


def reporter_of(location: Played, run: DagsterRun, settings: Settings) -> DagsterReporter:
    class Step:
        instance = location.instance
        op_name = "first"

        class log:
            warning = staticmethod(location._never)

    step = Step()
    step.run = run  # type: ignore[attr-defined]
    return DagsterReporter(step, settings, dates=1)  # type: ignore[arg-type]


def begin(location: Played, reporter: DagsterReporter, run: DagsterRun) -> ExecutionLogWriter:
    record = location.instance.get_run_record_by_id(run.run_id)
    assert record is not None
    spec = location.location.location.registry.jobs["first"]
    step_run = StepRun(run.run_id, record.create_timestamp, reporter.report)
    log = ExecutionLogWriter(step_run, location.store, reporter.warn, first_report(spec, (DAY,)))
    log.start()
    return log


def fail_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OperationalError("INSERT", {}, Exception("database or disk is full"))

    monkeypatch.setattr(io_manager, "report_step", full)


def rows(location: Played) -> list[tuple[object, object]]:
    found = location.store.read(EXECUTION_LOG)
    return [(row["status"], row["error_message"]) for row in found]


def test_what_was_kept_is_the_row_of_a_run_that_died(
    location: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, run = load_settings(), location.start("first", DAY)
    reporter = reporter_of(location, run, settings)
    log = begin(location, reporter, run)
    with monkeypatch.context() as patch:
        fail_writes(patch)
        # The store is on the same disk.
        patch.setattr(location.store, "upsert", lambda *_: None)
        log.end_all("failed", "no space left")
        reporter.warn("nobody can read it there")
    reporter.close()
    assert rows(location) == [("Started", None)]
    (kept,) = settings.kept_reports_dir.iterdir()
    if os.name == "posix":
        assert kept.stat().st_mode & 0o777 == 0o600

    location.end(run, ok=False)
    location.sense("execution_log")
    assert rows(location) == [("Failed: no space left", "no space left")]
    assert list(settings.kept_reports_dir.iterdir()) == []


def test_the_row_is_written_where_only_dagsters_storage_is_gone(
    location: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, run = load_settings(), location.start("first", DAY)
    fail_writes(monkeypatch)
    log = begin(location, reporter_of(location, run, settings), run)
    assert rows(location) == [("Started", None)]
    log.end_all("completed")
    assert rows(location) == [("Completed", None)]


def test_the_row_is_written_though_its_report_cannot_be_kept(
    location: Played, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings, run = load_settings(), location.start("first", DAY)
    log = begin(location, reporter_of(location, run, settings), run)
    (file,) = settings.kept_reports_dir.iterdir()
    file.unlink()
    fail_writes(monkeypatch)
    log.end_all("completed")
    assert rows(location) == [("Completed", None)]
    assert "a report of first can't be kept: " in caplog.text


def test_a_run_that_ended_before_gets_its_reason_too(location: Played) -> None:
    settings, run = load_settings(), location.start("first", DAY)
    reporter = reporter_of(location, run, settings)
    begin(location, reporter, run)
    location.end(run, ok=False)
    location.sense("execution_log")
    KeptReports(settings.kept_reports_dir, run.run_id, "first", 1).keep(REPORT)
    location.sense("execution_log")
    assert rows(location) == [(f"Failed: {'é' * 500}", "é" * 500)]


def test_the_space_is_taken_before_and_left_after(tmp_path: Path) -> None:
    kept = KeptReports(tmp_path, "run", "first", 1)
    (file,) = tmp_path.iterdir()
    size = file.stat().st_size
    for _ in range(2):
        kept.keep(REPORT)
    assert file.stat().st_size == size
    first, second, blank = file.read_bytes().split(b"\n")
    assert json.loads(first) == json.loads(second) == REPORT.to_json()
    assert blank.strip() == b""
    # The next attempt of the step adds to it.
    KeptReports(tmp_path, "run", "first", 1).keep(REPORT)
    assert file.read_bytes().count(b"\n") == 3
    kept.close()
    assert file.exists()

    KeptReports(tmp_path, "run", "second", 1).close()
    assert list(tmp_path.iterdir()) == [file]


def test_files_of_runs_that_go_on_stay_and_blank_ones_of_ended_runs_go(location: Played) -> None:
    folder, run = load_settings().kept_reports_dir, location.start("first", DAY)
    KeptReports(folder, run.run_id, "first", 1)
    KeptReports(folder, "unknown", "first", 1)
    assert send_kept_reports(location.instance, folder, math.inf) == []
    assert len(list(folder.iterdir())) == 2
    location.end(run)
    assert send_kept_reports(location.instance, folder, math.inf) == []
    assert [path.name for path in folder.iterdir()] == ["unknown.first.jsonl"]


def test_a_file_with_reports_stays_until_its_run_is_over_or_its_process_gone(
    location: Played,
) -> None:
    folder, run = load_settings().kept_reports_dir, location.start("first", DAY)
    location.instance.add_run_tags(run.run_id, process_tags())
    kept = KeptReports(folder, run.run_id, "first", 1)
    for _ in range(2):
        kept.keep(REPORT)
        assert send_kept_reports(location.instance, folder, math.inf) == []
    location.instance.add_run_tags(run.run_id, {PID_STARTED_TAG: "1.00"})
    assert send_kept_reports(location.instance, folder, math.inf) == [run.run_id]
    assert [*folder.iterdir()] == []


@pytest.mark.parametrize("line", ["{}", "5", '{"job_name": ', '{"job_name": "first", "ends": 1}'])
def test_a_damaged_file_is_put_aside_and_the_others_are_sent(
    line: str, location: Played, caplog: pytest.LogCaptureFixture
) -> None:
    folder, run = load_settings().kept_reports_dir, location.start("first", DAY)
    KeptReports(folder, run.run_id, "first", 1).keep(REPORT)
    KeptReports(folder, run.run_id, "second", 1).keep(REPORT)
    damaged = folder / f"{run.run_id}.first.jsonl"
    damaged.write_bytes(damaged.read_bytes().rstrip(b" ") + line.encode() + b"\n")
    location.end(run, ok=False)
    assert send_kept_reports(location.instance, folder, math.inf) == [run.run_id]
    assert [path.name for path in folder.iterdir()] == [f"{damaged.name}.bad"]
    assert f"{damaged.name}.bad can't be read" in caplog.text


def test_nothing_kept_is_nothing_to_send(tmp_path: Path) -> None:
    with DagsterInstance.ephemeral() as instance:
        assert send_kept_reports(instance, tmp_path / "nowhere", math.inf) == []
