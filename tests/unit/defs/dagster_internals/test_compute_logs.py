"""A step's stdout and stderr, as its page shows them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import DagsterInstance

from orch_dagster.defs.dagster_internals.compute_logs import (
    local_log_folder,
    local_stdout,
    open_stderr,
    stderr_path,
)


@pytest.fixture
def instance(instance_home: Path) -> Iterator[DagsterInstance]:
    """An instance whose logs are files of its own."""
    with DagsterInstance.local_temp(str(instance_home)) as made:
        yield made


def test_what_is_written_is_on_the_steps_page_before_the_end(instance: DagsterInstance) -> None:
    manager = instance.compute_log_manager
    log_key = manager.build_log_key_for_run("run", "step")
    with open_stderr(instance, "run", "step") as stream:
        assert stream is not None
        stream.write("one\n")
        stream.flush()
        path = stderr_path(instance, "run", "step")
        assert path is not None
        assert path.read_text() == "one\n"
        assert manager.get_log_data(log_key).stderr == path.read_bytes()
    assert manager.get_log_data(log_key).stderr == path.read_bytes()


def test_stdout_has_a_file_and_an_address(instance: DagsterInstance) -> None:
    found = local_stdout(instance, "run", "step")
    assert found is not None
    assert found.url == "/runs/run?logType=stdout&logFileKey=step"
    found.path.parent.mkdir(parents=True)
    found.path.write_bytes(b"two\n")
    manager = instance.compute_log_manager
    log_key = manager.build_log_key_for_run("run", "step")
    assert manager.get_log_data(log_key).stdout == b"two\n"


def test_the_folder_holds_a_folder_for_each_run(instance: DagsterInstance) -> None:
    folder, found = local_log_folder(instance), local_stdout(instance, "run", "step")
    assert folder is not None
    assert found is not None
    assert found.path.relative_to(folder).as_posix() == "run/compute_logs/step.out"


def test_logs_of_another_system_have_no_path(tmp_path: Path) -> None:
    module = "dagster._core.storage.noop_compute_log_manager"
    nowhere = {"module": module, "class": "NoOpComputeLogManager"}
    with DagsterInstance.local_temp(str(tmp_path), {"compute_logs": nowhere}) as instance:
        assert local_stdout(instance, "run", "step") is None
        assert local_log_folder(instance) is None
        assert stderr_path(instance, "run", "step") is None
        with open_stderr(instance, "run", "step") as stream:
            assert stream is None
