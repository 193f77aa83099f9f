"""The gateway on a real YARN: what it finds, ends, reads and removes."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from orch_dagster.spark.yarn.gateway import YarnClient, YarnError, YarnGateway
from orch_dagster.spark.yarn.gateway_command import gateway_command
from orch_dagster.spark.yarn.report import failure_of
from orch_dagster.toolchain.find import find_java, find_spark
from tests.waiting import wait_until
from tests.yarn_cluster import YarnCluster

pytestmark = [pytest.mark.yarn]

SLEEPER = """
import os, socket, sys, time
folder = sys.argv[1]
seen = os.listdir(folder) if os.path.isdir(folder) else []
print("seen here:", seen, "on", socket.gethostname(), flush=True)
if sys.argv[2:]:
    sys.exit(int(sys.argv[2]))
from pyspark import SparkContext
SparkContext()
time.sleep(600)
"""

Submit = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def submit(
    yarn: YarnCluster, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Submit]:
    """Submits a script in cluster mode, by a bare spark-submit."""
    started: list[subprocess.Popen[bytes]] = []
    script = tmp_path / "sleeper.py"
    script.write_text(SLEEPER)
    here = str(tmp_path_factory.getbasetemp())

    def submitted(tag: str, *arguments: str, **more: str) -> subprocess.Popen[bytes]:
        properties = {**yarn.spark_properties("cluster"), "spark.yarn.tags": tag, **more}
        confs = [word for k, v in properties.items() for word in ("--conf", f"{k}={v}")]
        spark = find_spark(os.environ)
        environ = {
            **os.environ, **yarn.environ, "SPARK_HOME": str(spark.home),
            "JAVA_HOME": str(find_java(os.environ).home), "PYSPARK_PYTHON": sys.executable,
        }  # fmt: skip
        confs += ["--conf", f"spark.yarn.appMasterEnv.PYSPARK_PYTHON={sys.executable}"]
        process = subprocess.Popen(
            [str(spark.submit), *confs, str(script), here, *arguments],
            env=environ, stdout=subprocess.DEVNULL, stderr=(tmp_path / "submit.log").open("wb"),
        )  # fmt: skip
        started.append(process)
        return process

    yield submitted
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def tag() -> str:
    return uuid.uuid4().hex


def states(client: YarnClient, tag: str) -> list[str]:
    return [application.state for application in client.find(tag)]


def test_an_application_is_found_by_its_tag_ended_and_leaves_nothing(
    yarn: YarnCluster, client: YarnClient, submit: Submit, tag: str
) -> None:
    process = submit(f"Mine-{tag}")
    wait_until(lambda: states(client, f"mine-{tag}") == ["RUNNING"], "it runs", timeout_s=300)
    process.kill()
    (application,) = client.find(f"mine-{tag}")
    assert application.containers >= 1
    assert application.order == (application.started_ms, *map(int, application.id.split("_")[1:]))
    assert application.started_ms > 0
    assert application.id in yarn.staging()
    (ended,) = client.end(f"mine-{tag}", "the test has seen enough", within_s=30)
    assert (ended.id, ended.state, ended.is_over) == (application.id, "KILLED", True)
    assert str(failure_of(ended)).endswith(": the test has seen enough")
    assert application.id not in yarn.staging()
    # Of no tag there is nothing to end.
    assert client.end("no-such-tag", "", within_s=5) == []
    seen: list[str] = []

    def has_logs() -> bool:
        seen[:] = [client.logs(application.id)]
        return "seen here: []" in seen[0]

    wait_until(has_logs, "the node's log", timeout_s=120)
    assert "on node-elsewhere" in seen[0]


def test_the_exit_code_of_a_driver_is_read_from_the_diagnostics(
    client: YarnClient, submit: Submit, tag: str
) -> None:
    assert submit(tag, "3").wait(300) == 1
    (ended,) = client.find(tag)
    assert ended.is_over
    assert ended.exit_code == 3
    assert failure_of(ended) == f"exit code 3 of the driver of {ended.id}"


def test_small_files_are_listed_read_and_deleted(yarn: YarnCluster, client: YarnClient) -> None:
    folder = f"{yarn.url}/tests/messages"
    assert client.list_files(folder) == []
    assert client.read_folder(folder) == []
    with pytest.raises(YarnError) as missing:
        client.read_file(f"{folder}/none")
    assert missing.value.kind == "java.io.FileNotFoundException"
    client.delete(folder)


def test_an_unknown_application_is_an_error_in_a_sentence(client: YarnClient) -> None:
    with pytest.raises(YarnError, match=r"application_1_0001.* doesn't exist in RM") as caught:
        client.report("application_1_0001")
    assert "\n" not in str(caught.value)


def test_a_principal_changes_nothing_where_there_is_no_kerberos(
    client: YarnClient, tmp_path: Path
) -> None:
    """As with spark-submit. No KDC is there to try more."""
    (tmp_path / "etl.keytab").touch()
    login = {"principal": "etl@EXAMPLE.ORG", "keytab": str(tmp_path / "etl.keytab")}
    own = replace(client, login=login)
    # The second request has the login of the first.
    assert own.find("none") == own.find("none") == []


def test_the_gateway_ends_with_the_process_that_started_it(yarn: YarnCluster) -> None:
    environ = {**os.environ, **yarn.environ}
    code = (
        "import os, sys, threading\n"
        "from orch_dagster.spark.yarn.gateway import YarnClient, YarnGateway\n"
        "client = YarnClient(YarnGateway.of(os.environ))\n"
        "print(len(client.find('none')), flush=True)\n"
        "threading.Event().wait()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], env=environ, stdout=subprocess.PIPE
    ) as orchestrator:
        assert orchestrator.stdout is not None
        assert orchestrator.stdout.readline() == b"0\n"
        below = psutil.Process(orchestrator.pid).children(recursive=True)
        assert len(below) == 2
        orchestrator.kill()
    _, alive = psutil.wait_procs(below, timeout=180)
    assert alive == []


def test_a_jvm_that_is_killed_alone_is_started_again(yarn: YarnCluster) -> None:
    environ = {**os.environ, **yarn.environ}
    gateway = YarnGateway([*gateway_command(environ), "--parent", str(os.getpid())], environ)
    client = YarnClient(gateway)
    try:
        assert client.find("none") == []
        assert gateway._process is not None
        (jvm,) = psutil.Process(gateway._process.pid).children()
        jvm.kill()
        # The first request after that may meet it while it dies.
        with suppress(YarnError):
            client.find("none")
        assert client.find("none") == []
    finally:
        gateway.close()


def test_a_resource_manager_that_is_away_is_named(yarn: YarnCluster) -> None:
    environ = {**os.environ, **yarn.environ}
    gateway = YarnGateway([*gateway_command(environ), "--parent", str(os.getpid())], environ)
    away = {"yarn.resourcemanager.address": "127.0.0.1:1"}
    try:
        with pytest.raises(YarnError, match="localhost:1 failed on connection"):
            YarnClient(gateway, away).find("none")
    finally:
        gateway.close()
