"""A run says which process runs it, and that it lives."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster import DagsterInstance
from sqlalchemy.exc import OperationalError

from orch_dagster.defs.runs.liveness import HEARTBEAT_TAG, PID_TAG, is_process_gone, read_process
from orch_dagster.defs.step import executor
from orch_dagster.defs.step.executor import AbandonedRunError, LivenessGuard


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[DagsterInstance]:
    with DagsterInstance.local_temp(str(tmp_path)) as made:
        yield made


@pytest.fixture
def run_id(instance: DagsterInstance) -> str:
    @dg.job
    def job() -> None:
        pass

    return instance.create_run_for_job(job).run_id


def tags(instance: DagsterInstance, run_id: str) -> dict[str, str]:
    found = instance.get_run_by_id(run_id)
    assert found is not None
    return dict(found.tags)


def test_the_run_names_its_process(tmp_path: Path, instance: DagsterInstance, run_id: str) -> None:
    LivenessGuard(tmp_path / "params", instance, run_id, pytest.fail)
    assert tags(instance, run_id)[PID_TAG] == str(os.getpid())
    assert not is_process_gone(tags(instance, run_id))


def test_a_heartbeat_is_sent_when_it_is_due(
    tmp_path: Path, instance: DagsterInstance, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 29.0, 31.0, 31.0])
    monkeypatch.setattr(executor.time, "monotonic", lambda: next(clock))
    beats = iter(["first", "second", "third"])
    monkeypatch.setattr(executor, "process_tags", lambda: {HEARTBEAT_TAG: next(beats)})
    monkeypatch.setattr(executor, "heartbeat_tags", lambda: {HEARTBEAT_TAG: next(beats)})
    guard = LivenessGuard(tmp_path / "params", instance, run_id, pytest.fail)

    assert guard.reason_to_end() is None
    assert tags(instance, run_id)[HEARTBEAT_TAG] == "first"
    assert guard.reason_to_end() is None
    assert tags(instance, run_id)[HEARTBEAT_TAG] == "second"


def test_a_heartbeat_that_fails_is_a_warning(
    tmp_path: Path, instance: DagsterInstance, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executor, "HEARTBEAT_S", 0.0)
    said: list[str] = []
    guard = LivenessGuard(tmp_path / "params", instance, run_id, said.append)

    def locked(*_: object) -> None:
        raise OperationalError("UPDATE run_tags", {}, Exception("database is locked"))

    monkeypatch.setattr(executor, "tag_run", locked)
    assert guard.reason_to_end() is None
    assert len(said) == 1
    assert "could not write its heartbeat" in said[0]


def test_a_run_ends_with_its_code_server(
    tmp_path: Path, instance: DagsterInstance, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Parent:
        alive = True

        def is_alive(self) -> bool:
            return self.alive

    parent = Parent()
    monkeypatch.setattr(multiprocessing, "parent_process", lambda: parent)
    guard = LivenessGuard(tmp_path / "params", instance, run_id, pytest.fail)
    assert guard.reason_to_end() is None
    parent.alive = False
    reason = guard.reason_to_end()
    assert isinstance(reason, AbandonedRunError)
    assert str(reason) == "the code server that started the run died"


def test_the_process_is_named_in_a_file_too(
    tmp_path: Path, instance: DagsterInstance, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executor, "HEARTBEAT_S", 0.0)
    params = tmp_path / "params"
    assert read_process(params, run_id) is None
    guard = LivenessGuard(params, instance, run_id, pytest.fail)
    monkeypatch.setattr(executor, "heartbeat_tags", lambda: {HEARTBEAT_TAG: "1716000000"})
    assert guard.reason_to_end() is None
    assert read_process(params, run_id) == tags(instance, run_id)
    assert tags(instance, run_id)[HEARTBEAT_TAG] == "1716000000"


def test_a_file_that_can_not_be_written_keeps_no_heartbeat_back(
    tmp_path: Path, instance: DagsterInstance, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executor, "HEARTBEAT_S", 0.0)
    (tmp_path / "params").write_text("")
    said: list[str] = []
    guard = LivenessGuard(tmp_path / "params", instance, run_id, said.append)
    monkeypatch.setattr(executor, "heartbeat_tags", lambda: {HEARTBEAT_TAG: "1716000000"})
    assert guard.reason_to_end() is None
    assert tags(instance, run_id)[HEARTBEAT_TAG] == "1716000000"
    assert ["the file that names its process" in each for each in said] == [True, True]


def test_a_run_that_is_deleted_ends(
    tmp_path: Path, instance: DagsterInstance, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executor, "HEARTBEAT_S", 0.0)
    guard = LivenessGuard(tmp_path / "params", instance, run_id, pytest.fail)
    instance.delete_run(run_id)
    reason = guard.reason_to_end()
    assert isinstance(reason, AbandonedRunError)
    assert str(reason) == "the run was deleted in Dagster"
