"""The real `dagster dev`: materialize by its GraphQL, kill a worker, wait for the sensor's row."""

from __future__ import annotations

import json
import os
import signal
import socket
import urllib.request
from collections.abc import Callable, Iterator
from subprocess import DEVNULL, Popen
from typing import Any, TypeVar

import psutil
import pytest

from orch_dagster.settings import REPOSITORY
from tests.homes import BIZ_DT, Home
from tests.waiting import wait_until

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
    found: list[T] = []

    def seen() -> bool:
        answer = look()
        if answer is not None:
            found.append(answer)
        return answer is not None

    wait_until(seen, what, timeout_s=seconds)
    return found[0]


@pytest.fixture
def dev(sample_home: Home) -> Iterator[Dev]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # As the README has it, in the repository, whose workspace.yaml it finds; on a free port.
    process = Popen(
        ["dagster", "dev", "-p", str(port), "-h", "127.0.0.1"],
        env=sample_home.environ,
        cwd=REPOSITORY,
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
        return tree if "java" in sample_home.process_names() else None

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
