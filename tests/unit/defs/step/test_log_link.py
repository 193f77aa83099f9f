"""The run's log as Dagit has it: the same file under a second name, and what the events say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
from dagster import DagsterEventType, DagsterRun

from orch_dagster.control.store import ControlStore
from orch_dagster.defs.runs.retention import second_names
from orch_dagster.defs.step.log_link import show_run_log
from tests.code_location import add_jobs, open_date
from tests.played_runs import Played


@pytest.fixture
def location(store: ControlStore, played: Callable[[], Played]) -> Played:
    add_jobs(store, "FPMS", {"first": [], "second": []})
    open_date(store, "FPMS", "2024-05-15")
    return played()


def log_of(run: DagsterRun, folder: Path) -> Path:
    path = folder / f"job_2024-05-15_01-02-03_{run.run_id[:8]}.log"
    path.write_bytes(b"one\n")
    return path


def shown(played: Played, run: DagsterRun, job_name: str) -> bytes | None:
    """What Dagit shows as the step's stdout."""
    manager = played.instance.compute_log_manager
    return manager.get_log_data(manager.build_log_key_for_run(run.run_id, job_name)).stdout


def test_each_step_of_a_run_shows_the_log_as_it_grows(location: Played, tmp_path: Path) -> None:
    run = location.start("gels_fpms", "2024-05-15")
    path = log_of(run, tmp_path)
    for job_name in ("first", "second", "first"):
        metadata = show_run_log(location.instance, run, job_name, path)
        assert metadata["log_file"] == dg.MetadataValue.path(str(path))
        url = f"/runs/{run.run_id}?logType=stdout&logFileKey={job_name}"
        assert metadata["log"] == dg.MetadataValue.url(url)
    with path.open("ab") as file:
        file.write(b"two\n")
    assert shown(location, run, "first") == shown(location, run, "second") == b"one\ntwo\n"
    assert len(second_names(location.instance, [path])) == 2


def test_the_steps_events_say_where_it_is(location: Played, tmp_path: Path) -> None:
    run = location.start("first", "2024-05-15")
    path = log_of(run, tmp_path)
    metadata = show_run_log(location.instance, run, "first", path)

    (entry,) = location.instance.all_logs(run.run_id, of_type=DagsterEventType.ENGINE_EVENT)
    event = entry.dagster_event
    assert event is not None
    assert (event.step_key, event.message) == ("first", f"first logs to {path}")
    assert event.engine_event_data.metadata == metadata


def test_where_no_second_name_can_be_the_path_is_said(location: Played, tmp_path: Path) -> None:
    run = location.start("first", "2024-05-15")
    # As another disk refuses it.
    metadata = show_run_log(location.instance, run, "first", tmp_path / "nowhere.log")
    assert list(metadata) == ["log_file"]


def test_another_file_there_is_left_alone(location: Played, tmp_path: Path) -> None:
    run = location.start("first", "2024-05-15")
    manager = location.instance.compute_log_manager
    key = manager.build_log_key_for_run(run.run_id, "first")
    theirs = Path(str(manager.get_log_metadata(key).stdout_location))
    theirs.parent.mkdir(parents=True)
    theirs.write_text("theirs\n")

    path = log_of(run, tmp_path)
    assert list(show_run_log(location.instance, run, "first", path)) == ["log_file"]
    assert theirs.read_text() == "theirs\n"
    assert second_names(location.instance, [path]) == []


def test_where_dagster_keeps_no_logs_there_is_no_link(tmp_path: Path) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        run = instance.create_run_for_job(dg.GraphDefinition("none").to_job())
        metadata = show_run_log(instance, run, "first", log_of(run, tmp_path))
    assert list(metadata) == ["log_file"]
