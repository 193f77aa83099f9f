"""Old logs and parameters, removed by the sensor: real files of played runs."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from dagster import DagsterRun

from orch_dagster.control.store import ControlStore
from orch_dagster.defs.runs.kept_reports import KeptReports
from orch_dagster.defs.runs.retention import OldLogs
from orch_dagster.defs.step.log_link import show_run_log
from orch_dagster.run_log import RunLog, run_log_path
from orch_dagster.settings import Settings, load_settings
from tests.code_location import add_jobs, open_date
from tests.played_runs import Played

DAY = "2024-05-15"
DAY_S = 86_400


@pytest.fixture
def location(store: ControlStore, played: Callable[[], Played]) -> Played:
    add_jobs(store, "FPMS", {"first": []})
    open_date(store, "FPMS", DAY)
    return played()


class Files:
    """What a run leaves: its log, the name that it has in Dagit, its parameters."""

    def __init__(self, played: Played, settings: Settings, run: DagsterRun) -> None:
        record = played.instance.get_run_record_by_id(run.run_id)
        assert record is not None
        self.log = run_log_path(settings.logs_dir, run.run_id, record.create_timestamp)
        written = RunLog(self.log)
        written.write("INFO", "orch", "first started")
        written.close()
        self.metadata = show_run_log(played.instance, run, "first", self.log)
        manager = played.instance.compute_log_manager
        key = manager.build_log_key_for_run(run.run_id, "first")
        self.shown = Path(str(manager.get_log_metadata(key).stdout_location))
        self.params = settings.params_dir / run.run_id
        self.params.mkdir(parents=True)
        (self.params / "first.json").write_text("{}")

    @property
    def all(self) -> list[Path]:
        return [self.log, self.shown, self.params]

    def age(self, days: float) -> None:
        at = time.time() - days * DAY_S
        for path in [self.log, self.params / "first.json", self.params]:
            os.utime(path, (at, at))


def files_of(played: Played, *, days: float, ended: bool = True) -> Files:
    run = played.start("first", DAY)
    if ended:
        played.end(run)
    files = Files(played, load_settings(), run)
    files.age(days)
    return files


def existing(files: Files) -> list[bool]:
    return [path.exists() for path in files.all]


def test_the_sensor_removes_what_is_old_of_runs_that_are_over(location: Played) -> None:
    newest = load_settings().params_dir / "first.json"
    newest.parent.mkdir(parents=True)
    newest.write_text("{}")
    os.utime(newest, (0, 0))
    old, new = files_of(location, days=31), files_of(location, days=29)
    going = files_of(location, days=400, ended=False)
    assert existing(old) == [True, True, True]

    location.sense("execution_log")
    assert existing(old) == [False, False, False]
    assert existing(new) == existing(going) == [True, True, True]
    assert newest.exists()

    # It has just looked.
    late = files_of(location, days=31)
    location.sense("execution_log")
    assert existing(late) == [True, True, True]


def test_it_looks_once_an_hour_and_says_what_it_removed(location: Played) -> None:
    now = 0.0
    old_logs = OldLogs(load_settings(), lambda: now)
    files_of(location, days=31)
    assert old_logs.remove(location.instance) == [
        "removed 1 logs and the parameters of 1 runs older than 30 days"
    ]
    files_of(location, days=31)
    now = 3599.0
    assert old_logs.remove(location.instance) == []
    now = 3600.0
    assert len(old_logs.remove(location.instance)) == 1
    now = 7200.0
    assert old_logs.remove(location.instance) == []


def test_0_days_keep_all(location: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCH_LOG_RETENTION_DAYS", "0")
    files = files_of(location, days=4000)
    assert OldLogs(load_settings()).remove(location.instance) == []
    assert existing(files) == [True, True, True]


@pytest.mark.skipif(sys.platform == "win32", reason="a folder is no lock there")
def test_each_file_that_cannot_be_removed_is_named_once(location: Played) -> None:
    now = 0.0
    old_logs = OldLogs(load_settings(), lambda: now)
    files = files_of(location, days=31)
    theirs = {files.params / "theirs", files_of(location, days=31).params / "theirs"}
    for folder in theirs:
        folder.mkdir()
        os.utime(folder, (0, 0))
        os.utime(folder.parent, (0, 0))

    removed, *not_removed = old_logs.remove(location.instance)
    assert removed.startswith("removed 2 logs and the parameters of 0 runs")
    assert [text.startswith("could not remove: ") for text in not_removed] == [True, True]
    assert {folder for folder in theirs for text in not_removed if str(folder) in text} == theirs
    now = 3600.0
    assert old_logs.remove(location.instance) == []


def test_a_folder_that_cannot_be_read_does_not_stop_the_sensor(location: Played) -> None:
    logs = load_settings().logs_dir
    logs.write_text("no folder")
    (said,) = OldLogs(load_settings()).remove(location.instance)
    assert said.startswith("could not look for old logs: ")
    assert str(logs) in said


def test_kept_reports_of_runs_that_dagster_has_no_more_go_with_the_logs(
    location: Played,
) -> None:
    folder = load_settings().kept_reports_dir
    going = location.start("first", DAY)
    for run_id in ("lost", going.run_id, "young"):
        KeptReports(folder, run_id, "first", 1)
    damaged = folder / "lost.second.jsonl.bad"
    damaged.write_text("{}")
    others = folder / "notes.txt"
    others.write_text("")
    for path in folder.iterdir():
        if not path.name.startswith("young"):
            os.utime(path, (0, 0))
    assert OldLogs(load_settings()).remove(location.instance) == [
        "removed 0 logs and the parameters of 0 runs, and 2 kept reports, older than 30 days"
    ]
    left = {path.name for path in folder.iterdir()}
    assert left == {f"{going.run_id}.first.jsonl", "young.first.jsonl", "notes.txt"}
