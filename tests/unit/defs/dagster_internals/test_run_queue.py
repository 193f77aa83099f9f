"""Runs that a process without a code location puts into the queue of an instance."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import dagster as dg
import pytest
from dagster import DagsterInstance, DagsterRunStatus
from dagster._core.test_utils import instance_for_test
from dagster._daemon.types import DaemonHeartbeat

from orch_dagster.control.store import ControlStore
from orch_dagster.defs.dagster_internals.repository_jobs import repository_job
from orch_dagster.defs.dagster_internals.run_origins import set_origin
from orch_dagster.defs.dagster_internals.run_queue import (
    has_daemon,
    has_queue,
    make_run,
    queue_run,
)
from tests import code_location
from tests.code_location import add_jobs

MODULE = "location_with_a_queue"
FIRST = dg.AssetKey(["gels", "fpms", "first"])


@pytest.mark.parametrize("chosen", [set[dg.AssetKey](), {FIRST}])
def test_a_run_waits_for_a_daemon(
    store: ControlStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chosen: set[dg.AssetKey]
) -> None:
    add_jobs(store, "FPMS", {"first": [], "second": ["first"]})
    file = Path(code_location.__file__).with_name("fresh_location.py")
    shutil.copy(file, tmp_path / f"{MODULE}_{len(chosen)}.py")
    monkeypatch.syspath_prepend(tmp_path)
    # Dagster takes the first folder off the path, which is that of the command.
    monkeypatch.syspath_prepend(tmp_path / "none")
    job = repository_job(f"{MODULE}_{len(chosen)}", "defs", "gels_fpms")
    queue = {"run_coordinator": {"module": "dagster", "class": "QueuedRunCoordinator"}}
    with instance_for_test(overrides=queue) as instance:
        assert has_queue(instance)
        run = make_run(instance, job, {"dagster/partition": "2024-05-15"}, chosen)
        assert (run.status, run.asset_selection) == (DagsterRunStatus.NOT_STARTED, chosen or None)
        # The daemon launches it where its code location is served.
        set_origin(instance, run, "repository@location")
        queue_run(instance, run.run_id)
        (queued,) = instance.get_runs(dg.RunsFilter(statuses=[DagsterRunStatus.QUEUED]))
        assert queued.run_id == run.run_id
        assert queued.step_keys_to_execute == (["first"] if chosen else ["first", "second"])


@pytest.mark.parametrize(("seconds_ago", "is_heard_of"), [(30, True), (600, False)])
def test_a_daemon_is_there_while_its_heart_beats(
    instance: DagsterInstance, seconds_ago: float, *, is_heard_of: bool
) -> None:
    assert not has_daemon(instance)
    beat = DaemonHeartbeat(time.time() - seconds_ago, "QUEUED_RUN_COORDINATOR", "id", [])
    instance.add_daemon_heartbeat(beat)
    assert has_daemon(instance) is is_heard_of


def test_an_instance_may_have_no_queue() -> None:
    module = "dagster._core.run_coordinator"
    at_once = {"module": module, "class": "DefaultRunCoordinator"}
    with instance_for_test(overrides={"run_coordinator": at_once}) as instance:
        assert not has_queue(instance)
