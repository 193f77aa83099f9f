"""What killed runs left, which may hold secrets: who removes it, and when."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from dagster import DagsterRun

from orch_dagster.bundle.leftovers import remove_leftovers
from orch_dagster.control.store import ControlStore
from orch_dagster.defs.runs import leftovers, log_sensor
from orch_dagster.defs.runs.dead_applications import mark_run
from orch_dagster.defs.runs.leftovers import remove_all_leftovers
from orch_dagster.defs.runs.liveness import PID_STARTED_TAG, process_tags, write_process
from orch_dagster.defs.step.executor import LivenessGuard
from orch_dagster.errors import StoreError
from orch_dagster.owned_folder import OwnedFolder
from orch_dagster.settings import Settings
from orch_dagster.spark.yarn.gateway import YarnClient
from orch_dagster.spark.yarn.submitted import SubmittedApplication
from orch_dagster.toolchain.errors import SparkError
from tests.code_location import add_jobs, open_date
from tests.local_files import LocalFiles
from tests.played_runs import Played

DAY = "2024-05-15"
LEFT = ("first.properties", ".first.properties.k3j2", "first.messages.jsonl", "first.warehouse")
KEPT = ("first.json", "run.process.json")


@pytest.fixture
def location(store: ControlStore, played: Callable[[], Played]) -> Played:
    add_jobs(store, "FPMS", {"first": []})
    open_date(store, "FPMS", DAY)
    return played()


def live() -> dict[str, str]:
    return process_tags()


def dead() -> dict[str, str]:
    """Of a process whose id another one has now."""
    return {**process_tags(), PID_STARTED_TAG: "1.00"}


def left_by(settings: Settings, run_id: str, process: dict[str, str] | None = None) -> Path:
    """The folder of a run, with all that its job and its supervisor would have removed."""
    folder = settings.params_dir / run_id
    (folder / "first.warehouse" / "t").mkdir(parents=True)
    (folder / "first.warehouse" / "t" / "part").write_text("secret")
    for name in (*LEFT[:3], *KEPT):
        (folder / name).write_text("secret")
    if process is None:
        (folder / "run.process.json").unlink()
    else:
        write_process(settings.params_dir, run_id, process)
    return folder


def is_clean(folder: Path) -> bool:
    names = {path.name for path in folder.iterdir()}
    assert names & {*LEFT} in (set(), {*LEFT})
    assert "first.json" in names
    return not names & {*LEFT}


def started(location: Played, tags: dict[str, str]) -> DagsterRun:
    return location.start("first", DAY, **tags)


def test_the_sensor_removes_those_of_the_runs_that_it_fails(
    location: Played, settings: Settings
) -> None:
    # The first tick looks at all runs; this one looks at what has ended since.
    location.sense("execution_log")
    gone, going, other = (started(location, tags) for tags in (dead(), live(), {}))
    folders = [left_by(settings, run.run_id) for run in (gone, going, other)]
    location.sense("execution_log")
    assert [is_clean(folder) for folder in folders] == [True, False, False]


def test_a_run_that_ended_otherwise_is_looked_at_too(location: Played, settings: Settings) -> None:
    location.sense("execution_log")
    run = started(location, dead())
    folder = left_by(settings, run.run_id)
    location.instance.report_run_failed(run, "by Dagster's own monitoring")
    location.sense("execution_log")
    assert is_clean(folder)


def test_the_next_run_removes_them_where_no_sensor_looks(
    location: Played, settings: Settings
) -> None:
    gone, going = (started(location, tags) for tags in (dead(), live()))
    folders = [left_by(settings, run.run_id) for run in (gone, going)]
    next_run = started(location, {})
    LivenessGuard(settings.params_dir, location.instance, next_run.run_id, pytest.fail)
    assert [is_clean(folder) for folder in folders] == [True, False]


def test_a_look_at_all_finds_runs_of_any_end(location: Played, settings: Settings) -> None:
    """As `orch log rebuild` does, and the sensor once an hour."""
    ended, going = (started(location, tags) for tags in (dead(), live()))
    location.instance.report_run_canceled(ended)
    of_ended, of_going = (left_by(settings, run.run_id) for run in (ended, going))
    of_deleted = left_by(settings, "0a0a0a0a-0000-4000-8000-000000000000", dead())
    lives_on = left_by(settings, "0b0b0b0b-0000-4000-8000-000000000000", live())
    unknown = left_by(settings, "0c0c0c0c-0000-4000-8000-000000000000")
    command = settings.state_dir / "recover-x1"
    command.mkdir(parents=True)
    (command / "asked.properties").write_text("secret")

    assert remove_all_leftovers(location.instance, settings) == []
    assert is_clean(of_ended)
    assert is_clean(of_deleted)
    assert not is_clean(of_going)
    assert not is_clean(lives_on)
    assert not is_clean(unknown)

    # Spark has read its properties long ago; whether the rest is read nobody knows.
    for path in [*unknown.iterdir(), *lives_on.iterdir(), *command.iterdir()]:
        os.utime(path, (time.time() - 3700, time.time() - 3700))
    assert remove_all_leftovers(location.instance, settings) == []
    assert not is_clean(lives_on)
    assert {path.name for path in unknown.iterdir()} == {
        "first.json", "first.messages.jsonl", "first.warehouse",
    }  # fmt: skip
    assert [*command.iterdir()] == []


def test_the_sensor_removes_them_also_while_the_store_is_away(
    location: Played, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They may hold secrets, and an outage may last."""
    of_deleted = left_by(settings, "0a0a0a0a-0000-4000-8000-000000000000", dead())

    def away(_: Settings) -> None:
        raise StoreError("the store is away", store="kudu")

    monkeypatch.setattr(log_sensor, "opened_store", away)
    with pytest.raises(StoreError, match="away"):
        location.sense("execution_log")
    assert is_clean(of_deleted)


def test_the_folder_of_a_command_that_was_killed_goes_as_a_whole(
    location: Played, settings: Settings
) -> None:
    folders = [OwnedFolder(settings.state_dir, prefix) for prefix in ("check-", "recover-")]
    for each in folders:
        (each.path / "asked.json").touch()
    killed, living = folders
    assert killed._held is not None
    # As the system does.
    killed._held.close()

    assert remove_all_leftovers(location.instance, settings) == []
    assert not killed.path.exists()
    assert (living.path / "asked.json").is_file()
    living.release()


def test_what_cannot_be_removed_is_said(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = left_by(settings, "run-1")

    def refuse(path: Path, **_: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "unlink", refuse)
    said = remove_leftovers(settings.params_dir, "run-1")
    assert len(said) == 3
    assert said[0].startswith("could not remove what a killed run left, and may hold secrets: ")
    assert "Permission denied" in said[0]
    assert not (folder / "first.warehouse").exists()


def test_a_folder_that_cannot_be_read_is_said_and_spares_the_others(
    location: Played, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign, gone = (started(location, dead()) for _ in range(2))
    refused, of_gone = (left_by(settings, run.run_id) for run in (foreign, gone))
    command = settings.state_dir / "check-x1"
    command.mkdir(parents=True)
    iterdir = Path.iterdir

    def refuse(path: Path) -> object:
        if path in (refused, command):
            raise PermissionError(13, "Permission denied", str(path))
        return iterdir(path)

    monkeypatch.setattr(Path, "iterdir", refuse)
    said: list[str] = []
    LivenessGuard(settings.params_dir, location.instance, started(location, {}).run_id, said.append)
    said += remove_all_leftovers(location.instance, settings)
    monkeypatch.setattr(Path, "iterdir", iterdir)
    assert [sentence.partition(": ")[0] for sentence in said] == [
        "could not look for what a killed run left"
    ] * 3
    assert [str(path) in said[at] for at, path in enumerate((refused, refused, command))] == [
        True
    ] * 3
    assert [is_clean(folder) for folder in (refused, of_gone)] == [False, True]


def test_messages_of_a_driver_elsewhere_are_removed_there(
    location: Played, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Or stay named, until the file system answers."""
    files, asked = LocalFiles(tmp_path), list[tuple[str | None, Mapping[str, str]]]()

    def of(environ: Mapping[str, str], properties: Mapping[str, str]) -> LocalFiles:
        asked.append((environ.get("HADOOP_CONF_DIR"), properties))
        return files

    monkeypatch.delenv("HADOOP_CONF_DIR", raising=False)
    monkeypatch.setattr(leftovers, "shared_gateway", lambda environ: environ)
    monkeypatch.setattr(YarnClient, "of", of)
    run = started(location, dead())
    folder = settings.params_dir / run.run_id
    folder.mkdir(parents=True, exist_ok=True)
    # The look may be of a process that knows nothing of the cluster.
    properties = {"spark.hadoop.fs.defaultFS": "hdfs://nn"}
    submitted = SubmittedApplication("tag", True, properties)
    mark_run(
        location.instance, run.run_id, settings.params_dir, submitted, {"HADOOP_CONF_DIR": "/conf"}
    )
    named = folder / "first.messages.folder"
    named.write_text("there", encoding="utf-8")
    files.put("there", "00000001.jsonl", b"{}")
    files.delete_error = SparkError("the name node is away")
    (said,) = remove_all_leftovers(location.instance, settings)
    assert "could not remove the messages of a killed run" in said
    assert "the name node is away" in said
    assert named.exists()
    files.delete_error = None
    assert remove_all_leftovers(location.instance, settings) == []
    assert not named.exists()
    assert files.names("there") is None
    assert asked == [("/conf", properties)] * 2


def test_a_run_without_a_folder(settings: Settings) -> None:
    assert remove_leftovers(settings.params_dir, "run-2") == []
