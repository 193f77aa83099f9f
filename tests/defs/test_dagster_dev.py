"""The real `dagster dev`: materialize by its GraphQL, kill a worker, wait for the sensor's row."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from subprocess import DEVNULL, Popen
from typing import Any, TypeVar

import psutil
import pytest

from tests.defs.conftest import BIZ_DT, Home

JOB = "etl_lnd_gels_fpms_t_contract_master"
T = TypeVar("T")
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))

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


class Dev:
    """A running `dagster dev` and its GraphQL."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/graphql"
        self.location = ""

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(
            self.url, body, headers={"Content-Type": "application/json"}
        )
        with _OPENER.open(request, timeout=30) as answer:
            return json.load(answer)["data"]

    def materialize(self, biz_dt: str) -> str:
        """Launch the asset as its page does; returns the run id."""
        selector = {
            "repositoryLocationName": self.location,
            "repositoryName": "orch_dagster",
            "pipelineName": "__ASSET_JOB",
            "assetSelection": [{"path": ["gels", "fpms", JOB]}],
        }
        metadata = {"tags": [{"key": "dagster/partition", "value": biz_dt}]}
        params = {"selector": selector, "mode": "default", "executionMetadata": metadata}
        launched = self.ask(LAUNCH, params=params)["launchRun"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        return launched["run"]["runId"]

    def run(self, run_id: str) -> dict[str, Any]:
        return self.ask(STATUS, id=run_id)["runOrError"]


def until(look: Callable[[], T | None], seconds: float, what: str) -> T:
    """The first answer that is not None, asked for again and again until the deadline."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found is not None:
            return found
        # Each look asks another process; a short pause leaves it the processor.
        time.sleep(0.2)
    raise AssertionError(f"not within {seconds} s: {what}")


@pytest.fixture
def dev(sample_home: Home) -> Iterator[Dev]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "dagster", "dev", "-m", "orch_dagster.definitions"]
    process = Popen(
        [*command, "-p", str(port), "-h", "127.0.0.1"],
        env=sample_home.environ,
        cwd=sample_home.folder,
        stdout=DEVNULL,
        stderr=DEVNULL,
    )
    served = Dev(port)

    def location() -> str | None:
        try:
            found = served.ask(LOCATIONS)["repositoriesOrError"]
        except OSError:
            return None
        nodes = found.get("nodes") or []
        return nodes[0]["location"]["name"] if nodes else None

    try:
        served.location = until(location, 90, "the code location in dagster dev")
        yield served
    finally:
        tree = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        _, alive = psutil.wait_procs([psutil.Process(process.pid), *tree], timeout=30)
        for left in alive:
            left.kill()
        process.wait(10)


@pytest.mark.spark
def test_materialize_from_the_page_and_survive_the_kill_of_a_worker(
    sample_home: Home, dev: Dev
) -> None:
    first = dev.materialize(BIZ_DT)
    ended = {"SUCCESS", "FAILURE", "CANCELED"}

    def over(run_id: str) -> str | None:
        status = dev.run(run_id)["status"]
        return status if status in ended else None

    assert until(lambda: over(first), 120, "the first run's end") == "SUCCESS"
    (row,) = sample_home.log_rows(JOB)
    assert (row["run_id"], row["status"]) == (first, "Completed")

    second = dev.materialize(BIZ_DT)

    def worker() -> int | None:
        run = dev.run(second)
        tags = {tag["key"]: tag["value"] for tag in run["tags"]}
        return int(tags["orch/pid"]) if "orch/pid" in tags else None

    pid = until(worker, 60, "the second run's worker")

    def spark() -> list[psutil.Process] | None:
        tree = psutil.Process(pid).children(recursive=True)
        return tree if any(child.name() == "java" for child in tree) else None

    tree = until(spark, 60, "the second run's JVM")
    os.kill(pid, signal.SIGKILL)
    _, alive = psutil.wait_procs(tree, timeout=10)
    assert alive == []

    def died() -> dict[str, Any] | None:
        found = [row for row in sample_home.log_rows(JOB) if row["run_id"] == second]
        return found[0] if found and found[0]["status"].startswith("Failed") else None

    row = until(died, 60, "the sensor's row")
    # Whichever saw it first: the sensor by the run's own tags, or the code server as its parent.
    assert row["status"].startswith("Failed: ")
    assert row["end_time"] > row["start_time"]
    assert len(sample_home.log_rows(JOB)) == 2
