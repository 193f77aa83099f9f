"""The real `dagster dev`, as its page sees it: by GraphQL."""

from __future__ import annotations

import json
import signal
import socket
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from subprocess import STDOUT, Popen
from typing import Any, TypeVar

import psutil
from dagster import DagsterInstance

from orch_dagster.defs.runs.liveness import PID_TAG
from orch_dagster.settings import REPOSITORY
from tests.homes import Home
from tests.waiting import wait_until

T = TypeVar("T")
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
# Longer than the page may stand: what is asked here never waits for a store.
ANSWER_S = 30
ENDED = {"SUCCESS", "FAILURE", "CANCELED"}

LAUNCH = """
mutation Launch($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
  }
}"""
LOCATIONS = """
{ repositoriesOrError { ... on RepositoryConnection { nodes { location { name } } } } }"""
STATUS = """
query Status($id: ID!) { runOrError(runId: $id) { ... on Run { status tags { key value } } } }"""
RELOAD = """
mutation Reload($name: String!) {
  reloadRepositoryLocation(repositoryLocationName: $name) {
    __typename
    ... on WorkspaceLocationEntry {
      locationOrLoadError {
        __typename
        ... on RepositoryLocation { repositories { jobs { name } } }
        ... on PythonError { message }
      }
    }
  }
}"""
BACKFILL = """
mutation Backfill($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}"""
BACKFILLED = """
query Backfilled($id: String!) {
  partitionBackfillOrError(backfillId: $id) {
    ... on PartitionBackfill { status runs(limit: 50) { runId status tags { key value } } }
  }
}"""
PARTITIONS = """
query Partitions($key: AssetKeyInput!) {
  assetNodeOrError(assetKey: $key) { ... on AssetNode { partitionKeys } }
}"""
RE_EXECUTE = """
mutation ReExecute($params: ReexecutionParams!) {
  launchRunReexecution(reexecutionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId parentRunId } }
    ... on PythonError { message }
  }
}"""
TERMINATE = """
mutation Terminate($id: String!) {
  terminateRun(runId: $id) { __typename ... on PythonError { message } }
}"""
ORIGIN = """
query Origin($id: ID!) {
  runOrError(runId: $id) {
    ... on Run {
      hasReExecutePermission pipelineName pipelineSnapshotId
      repositoryOrigin { repositoryName repositoryLocationName }
    }
  }
}"""
SNAPSHOT = """
query Snapshot($job: PipelineSelector!) {
  pipelineOrError(params: $job) { ... on Pipeline { pipelineSnapshotId } }
}"""
DAEMONS = """
{ instance { daemonHealth { allDaemonStatuses { daemonType required healthy } } } }"""


class Dev:
    """A running `dagster dev` and its GraphQL.

    Attributes:
        location: The name of its code location.
    """

    def __init__(self, port: int, dagster_home: str) -> None:
        self._dagster_home = dagster_home
        self.url = f"http://127.0.0.1:{port}/graphql"
        self.location = ""

    def ask(self, query: str, timeout_s: float = ANSWER_S, **variables: Any) -> dict[str, Any]:
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(
            self.url, body, headers={"Content-Type": "application/json"}
        )
        with _OPENER.open(request, timeout=timeout_s) as answer:
            return json.load(answer)["data"]

    def partitions(self, *path: str) -> list[str]:
        """The partitions of an asset, in order."""
        node = self.ask(PARTITIONS, key={"path": path})["assetNodeOrError"]
        return node["partitionKeys"]

    def materialize(self, *path: str, biz_dt: str) -> str:
        """Launch an asset as its page does; returns the run id."""
        return self.materialize_all([path], biz_dt)

    def materialize_all(self, paths: Sequence[Sequence[str]], biz_dt: str) -> str:
        """Launch assets as their page does, in one run; returns its id."""
        selector = {
            "repositoryLocationName": self.location,
            "repositoryName": "orch_dagster",
            "pipelineName": "__ASSET_JOB",
            "assetSelection": [{"path": path} for path in paths],
        }
        metadata = {"tags": [{"key": "dagster/partition", "value": biz_dt}]}
        params = {"selector": selector, "mode": "default", "executionMetadata": metadata}
        launched = self.ask(LAUNCH, timeout_s=90, params=params)["launchRun"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        return launched["run"]["runId"]

    def backfill(self, *path: str, biz_dts: Sequence[str]) -> str:
        """Launch a backfill of an asset as its page does; returns its id."""
        params = {"assetSelection": [{"path": path}], "partitionNames": biz_dts}
        launched = self.ask(BACKFILL, timeout_s=90, params=params)["launchPartitionBackfill"]
        assert launched["__typename"] == "LaunchBackfillSuccess", launched
        return launched["backfillId"]

    def runs_of_backfill(self, backfill_id: str) -> list[dict[str, Any]]:
        """Wait for a backfill's end; returns its runs."""

        def over() -> list[dict[str, Any]] | None:
            found = self.ask(BACKFILLED, id=backfill_id)["partitionBackfillOrError"]
            return found["runs"] if found["status"].startswith("COMPLETED") else None

        return until(over, 500, f"the end of backfill {backfill_id}")

    def re_execute(self, run_id: str) -> str:
        """Launch a run again as its page does, which would warn of another job; returns the id."""
        run = self.ask(ORIGIN, id=run_id)["runOrError"]
        place = {"repositoryLocationName": self.location, "repositoryName": "orch_dagster"}
        assert run["hasReExecutePermission"]
        assert run["repositoryOrigin"] == place
        job = {**place, "pipelineName": run["pipelineName"]}
        listed = self.ask(SNAPSHOT, job=job)["pipelineOrError"]
        assert listed["pipelineSnapshotId"] == run["pipelineSnapshotId"]
        params = {"parentRunId": run_id, "strategy": "ALL_STEPS"}
        launched = self.ask(RE_EXECUTE, timeout_s=90, params=params)["launchRunReexecution"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        assert launched["run"]["parentRunId"] == run_id
        return launched["run"]["runId"]

    def terminate(self, run_id: str) -> None:
        """Ask for a run's end as its page does."""
        asked = self.ask(TERMINATE, timeout_s=90, id=run_id)["terminateRun"]
        assert asked["__typename"] == "TerminateRunSuccess", asked

    def run(self, run_id: str) -> dict[str, Any]:
        return self.ask(STATUS, id=run_id)["runOrError"]

    def worker_of(self, run_id: str) -> psutil.Process:
        """Wait for the process that runs a run."""

        def worker() -> int | None:
            # Dagit hides the tag.
            with DagsterInstance.from_config(self._dagster_home) as instance:
                run = instance.get_run_by_id(run_id)
            return int(run.tags[PID_TAG]) if run and PID_TAG in run.tags else None

        return psutil.Process(until(worker, 180, "the run's worker"))

    def end_of(self, run_id: str, timeout_s: float = 400) -> str:
        """Wait for a run's end; returns its status."""

        def over() -> str | None:
            status = self.run(run_id)["status"]
            return status if status in ENDED else None

        return until(over, timeout_s, f"the end of run {run_id}")

    def reload(self) -> list[str]:
        """Reload the location as its page does; returns the names of its jobs."""
        entry = self.ask(RELOAD, timeout_s=180, name=self.location)["reloadRepositoryLocation"]
        loaded = entry["locationOrLoadError"]
        assert loaded["__typename"] == "RepositoryLocation", loaded
        return [job["name"] for job in loaded["repositories"][0]["jobs"]]

    def sick_daemons(self) -> list[str]:
        """The required daemons whose heartbeat is missing."""
        statuses = self.ask(DAEMONS)["instance"]["daemonHealth"]["allDaemonStatuses"]
        return [one["daemonType"] for one in statuses if one["required"] and not one["healthy"]]


def until(look: Callable[[], T | None], seconds: float, what: str) -> T:
    """The first answer that is not None, asked for again and again until the deadline."""
    found: list[T] = []

    def seen() -> bool:
        answer = look()
        if answer is not None:
            found.append(answer)
        return answer is not None

    wait_until(seen, what, timeout_s=seconds)
    return found[0]


def start_dev(home: Home) -> tuple[Popen[bytes], Dev]:
    """Start it on a free port and wait for its code location.

    What it says goes to ``dev.log`` in the home.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (home.folder / "dev.log").open("ab") as said:
        # As the README has it, in the repository, whose workspace.yaml it finds.
        process = Popen(
            ["dagster", "dev", "-p", str(port), "-h", "127.0.0.1"],
            env=home.environ,
            cwd=REPOSITORY,
            stdout=said,
            stderr=STDOUT,
        )
    served = Dev(port, home.environ["DAGSTER_HOME"])

    def location() -> str | None:
        try:
            found = served.ask(LOCATIONS)["repositoriesOrError"]
        except OSError:
            return None
        nodes = found.get("nodes") or []
        return nodes[0]["location"]["name"] if nodes else None

    try:
        served.location = until(location, 300, "the code location in dagster dev")
    except BaseException as error:
        _end_dev(home, process)
        error.add_note((home.folder / "dev.log").read_text(errors="replace")[-3000:])
        raise
    return process, served


def _end_dev(home: Home, process: Popen[bytes]) -> None:
    # Also those of one that has ended by itself.
    left_by_it = home.processes()
    process.send_signal(signal.SIGINT)
    _, alive = psutil.wait_procs(left_by_it, timeout=30)
    for left in alive:
        left.kill()
    process.wait(60)


@contextmanager
def dagster_dev(home: Home) -> Iterator[Dev]:
    """Start it, and end it with all processes of the home."""
    process, served = start_dev(home)
    try:
        yield served
    finally:
        _end_dev(home, process)
