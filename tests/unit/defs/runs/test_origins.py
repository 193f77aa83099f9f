"""Runs of the command line on Dagit's timeline and Jobs page, while they run too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus
from dagster_graphql.test.utils import execute_dagster_graphql

from orch_dagster.control.store import ControlStore
from orch_dagster.defs.runs.origins import DEFAULT_LABEL, follow_location
from orch_dagster.defs.step.executor import guard_run
from orch_dagster.registry.location import load_location
from orch_dagster.settings import load_settings
from tests.code_location import add_jobs
from tests.dagster_daemon import LOCATION, Daemon, daemon

ADDRESS = "the store"
# What the timeline and the page of a job ask for.
RUNS = """
query ($filter: RunsFilter) {
  runsOrError(filter: $filter) {
    ... on Runs {
      results { runId status repositoryOrigin { repositoryName repositoryLocationName } }
    }
  }
}"""


def shown(dagster: Daemon, job_name: str) -> list[dict[str, Any]]:
    label = {"key": ".dagster/repository", "value": f"orch_dagster@{LOCATION}"}
    answer = execute_dagster_graphql(
        dagster.request_context(),
        RUNS,
        {"filter": {"pipelineName": job_name, "tags": [label]}},
    )
    return answer.data["runsOrError"]["results"]


def a_run(instance: DagsterInstance, name: str, status: DagsterRunStatus) -> DagsterRun:
    """As `dg.execute_job` creates it."""
    job = dg.JobDefinition(name=name, graph_def=dg.GraphDefinition(name=name))
    return instance.create_run_for_job(job, status=status, tags={"dagster/partition": "2024-05-15"})


def test_runs_belong_to_the_location_that_is_served(store: ControlStore, tmp_path: Path) -> None:
    add_jobs(store, "FPMS", {"first": []})
    with daemon() as dagster:
        instance = dagster.instance
        address = store.address
        # One of a version that gave none, one that another job of the instance ran, and one whose
        # location nobody had told yet.
        before = a_run(instance, "first", DagsterRunStatus.STARTED)
        foreign = a_run(instance, "foreign", DagsterRunStatus.STARTED)
        guessed = a_run(instance, "first", DagsterRunStatus.STARTED)
        guard_run(tmp_path, address, instance, guessed.run_id, pytest.fail)
        assert label(instance, guessed) == DEFAULT_LABEL
        for run in (before, foreign, guessed):
            instance.report_run_failed(run, "ended")
        dagster.sensors()
        assert dagster.faults() == []
        assert {run["runId"] for run in shown(dagster, "first")} == {
            before.run_id,
            guessed.run_id,
        }
        assert shown(dagster, "foreign") == []

        running = a_run(instance, "first", DagsterRunStatus.STARTED)
        assert running.run_id not in {run["runId"] for run in shown(dagster, "first")}
        guard_run(tmp_path, address, instance, running.run_id, pytest.fail)
        (now,) = (run for run in shown(dagster, "first") if run["runId"] == running.run_id)
        assert now["status"] == "STARTED"
        assert now["repositoryOrigin"] == {
            "repositoryName": "orch_dagster",
            "repositoryLocationName": LOCATION,
        }
        stored = instance.get_run_by_id(running.run_id)
        assert stored is not None
        assert stored.tags["dagster/partition"] == "2024-05-15"

        # One that ended before it could say so.
        early = a_run(instance, "first", DagsterRunStatus.STARTED)
        instance.report_run_failed(early, "bad config")
        follow_location(
            instance, load_location(load_settings()), f"orch_dagster@{LOCATION}", [early]
        )
        assert early.run_id in {run["runId"] for run in shown(dagster, "first")}


def test_checks_that_an_older_version_left_red_are_as_they_were(store: ControlStore) -> None:
    add_jobs(store, "FPMS", {"first": []})

    @dg.asset(check_specs=[dg.AssetCheckSpec("unique", asset="landing")])
    def landing():  # type: ignore[no-untyped-def]
        pass

    job = dg.Definitions([landing]).resolve_implicit_global_asset_job_def()
    with DagsterInstance.ephemeral() as instance:
        run = instance.create_run_for_job(job)
        instance.report_run_failed(run, "ended")
        storage, key = (
            instance.event_log_storage,
            dg.AssetCheckKey(dg.AssetKey("landing"), "unique"),
        )
        assert len(storage.get_asset_check_execution_history(key, limit=5)) == 1
        follow_location(instance, load_location(load_settings()), "orch_dagster@orch", [])
        assert storage.get_asset_check_execution_history(key, limit=5) == []


def label(instance: DagsterInstance, run: DagsterRun) -> str | None:
    stored = instance.get_run_by_id(run.run_id)
    assert stored is not None
    assert stored.remote_job_origin is not None
    of_run = stored.remote_job_origin.repository_origin.get_label()
    assert stored.tags[".dagster/repository"] == of_run
    return of_run
