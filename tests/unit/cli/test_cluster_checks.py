"""What doctor says of clusters, with sockets in the place of their services."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, cast

import pytest

from orch_dagster.cli.cluster_checks import GatewayOf, cluster_checks
from orch_dagster.cli.cluster_uses import CheckedPart, stored_params
from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import SYS_PARAMS
from orch_dagster.registry.jobs import JobSpec
from orch_dagster.settings import Settings
from orch_dagster.spark.yarn.gateway import YarnError
from tests.bundles import job_bundle

ORC = {"format": "orc", "path": "out/t", "partition_cols": ["biz_dt"]}


class Cluster:
    """A home with its jobs' Spark properties, and the site files of a cluster."""

    def __init__(self, folder: Path, store: ControlStore, settings: Settings) -> None:
        self.folder, self.store, self.settings = folder, store, settings
        self.opened = ExitStack()
        self.files: set[str] = set()
        self.seen_by: dict[str, set[str]] = {}
        self.refused: set[str] = set()
        self.has_closed = False

    def param(self, key: str, value: str, key_name: str = "*") -> None:
        row = {"param_key": key, "environment": "DEV", "key_name": key_name}
        self.store.upsert(SYS_PARAMS, [{**row, "param_value": value, "param_type": "spark"}])

    def listening(self) -> str:
        server = self.opened.enter_context(socket.create_server(("127.0.0.1", 0)))
        return f"127.0.0.1:{server.getsockname()[1]}"

    def silent(self) -> str:
        unused = self.opened.enter_context(socket.socket())
        unused.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{unused.getsockname()[1]}"

    def site(self, name: str, **properties: str) -> None:
        listed = "".join(
            f"<property><name>{key.replace('__', '.')}</name><value>{value}</value></property>"
            for key, value in properties.items()
        )
        (self.folder / name).write_text(f"<configuration>{listed}</configuration>")

    def checks(
        self, *, root: str = "", is_named: bool = True, jobs: Sequence[str] = ("",)
    ) -> list[CheckedPart]:
        settings = self.settings.model_copy(update={"data_root": root} if root else {})
        params = {"sources": [{"format": "kudu", "path": "t"}], "sinks": [ORC]}
        spec = job_bundle(params, []).spec
        specs: list[JobSpec] = [replace(spec, job_name=name or spec.job_name) for name in jobs]
        environ = {"HADOOP_CONF_DIR": str(self.folder)} if is_named else {}
        of_files = cast(GatewayOf, lambda _: self)
        return list(cluster_checks(settings, specs, stored_params(settings), environ, of_files))

    def ask(self, call: str, arguments: dict[str, str], reach: Any, *_: object) -> object:
        """Answer in the place of YARN, and of Hadoop's file system, which has some files."""
        login = (reach["login"] or {}).get("principal", "")
        if login in self.refused:
            raise YarnError("LoginException: Checksum failed", kind="KerberosAuthException")
        if call == "find":
            return []
        assert call == "matches"
        return int(arguments["pattern"] in self.seen_by.get(login, self.files))

    def close(self) -> None:
        """End nothing."""
        self.has_closed = True


@pytest.fixture
def cluster(tmp_path: Path, store: ControlStore, settings: Settings) -> Iterator[Cluster]:
    folder = tmp_path / "conf"
    folder.mkdir()
    made = Cluster(folder, store, settings)
    with made.opened:
        yield made


def test_a_home_without_a_cluster_has_no_checks(cluster: Cluster) -> None:
    assert cluster.checks(is_named=False) == []
    cluster.param("spark.master", "local[2]")
    assert cluster.checks() == []


def test_a_standalone_master_answers_or_is_named_with_its_address(cluster: Cluster) -> None:
    here, gone = cluster.listening(), cluster.silent()
    cluster.param("spark.master", f"spark://{gone},{here}")
    ((_, state, text),) = cluster.checks()
    assert state == "ok"
    assert f"answers at {here}; not {gone} (Connection refused)" in text
    cluster.param("spark.master", f"spark://{gone}")
    ((_, state, text),) = cluster.checks()
    assert state == "missing"
    assert text.startswith(f"spark://{gone} does not answer: {gone} (Connection refused); start it")


def test_yarn_without_its_configuration(cluster: Cluster) -> None:
    cluster.param("spark.master", "yarn")
    parts = cluster.checks(is_named=False)
    assert parts[0][1] == "missing"
    assert parts[0][2].startswith("HADOOP_CONF_DIR is not set, and ")
    cluster.site("yarn-site.xml", yarn__resourcemanager__address=cluster.silent())
    states = {text: state for _, state, text in cluster.checks()}
    assert states[f"{cluster.folder} has no core-site.xml: put it there"] == "missing"
    assert any(
        state == "missing" and text.startswith("the resource manager does not answer: 127.0.0.1:")
        for text, state in states.items()
    )
    (cluster.folder / "core-site.xml").write_text("<x")
    ((subject, state, text),) = cluster.checks()
    assert (subject, state) == ("Hadoop", "missing")
    assert "core-site.xml is not XML" in text


def test_a_cluster_that_answers_and_what_it_lacks(cluster: Cluster) -> None:
    manager, node = cluster.listening(), cluster.listening()
    cluster.param("spark.master", "yarn")
    cluster.site("core-site.xml", fs__defaultFS="hdfs://ns")
    cluster.site("yarn-site.xml", yarn__resourcemanager__address=manager)
    gone = cluster.silent()
    cluster.site(
        "hdfs-site.xml",
        dfs__ha__namenodes__ns="a,b",
        dfs__namenode__rpc_address__ns__a=gone,
    )
    text = (cluster.folder / "hdfs-site.xml").read_text().replace("rpc_address", "rpc-address")
    more = f"<property><name>dfs.namenode.rpc-address.ns.b</name><value>{node}</value></property>"
    (cluster.folder / "hdfs-site.xml").write_text(text.replace("</c", more + "</c"))
    found = cluster.checks(root="hdfs://ns/data")
    assert [state for _, state, _ in found] == ["ok", "ok", "ok", "warning", "ok"]
    texts = [text for _, _, text in found]
    assert texts[1] == f"hdfs://ns answers at {node}; not {gone} (Connection refused)"
    assert texts[2] == f"the resource manager answers at {manager}"
    assert re.search(r"so that each submit uploads \d{3} MB, all of Spark's jars: `orch", texts[3])
    assert texts[4].startswith("not checked: the login by Kerberos, and the Python of the nodes")


def test_the_name_node_of_a_submit_is_asked_though_no_path_of_a_job_is_there(
    cluster: Cluster,
) -> None:
    """Nothing was asked for jobs of tables alone, and no submit went through."""
    here, gone = cluster.listening(), cluster.silent()
    cluster.param("spark.master", "yarn")
    cluster.site("core-site.xml", fs__defaultFS=f"hdfs://{gone}/")
    cluster.site("yarn-site.xml", yarn__resourcemanager__address=cluster.listening())
    found = [(state, text) for subject, state, text in cluster.checks() if subject == "HDFS"]
    assert [state for state, _ in found] == ["missing"]
    assert found[0][1].startswith(f"hdfs://{gone} does not answer: {gone} (")
    cluster.param("spark.yarn.stagingDir", f"hdfs://{here}/staging")
    found = [(state, text) for subject, state, text in cluster.checks() if subject == "HDFS"]
    assert found == [("ok", f"hdfs://{here} answers at {here}")]
    # One that submits to no YARN hands nothing over.
    cluster.param("spark.master", "spark://" + cluster.listening())
    assert [each for each in cluster.checks() if each[0] == "HDFS"] == []


ARCHIVE, JARS = "spark.yarn.archive", "spark.yarn.jars"
OTHER = "hdfs://ns/spark-3.4.0-jars-0123456789abcdef.zip"


@pytest.mark.parametrize(
    ("name", "value", "is_there", "state", "text"),
    [
        (ARCHIVE, "hdfs://ns/s.zip", True, "ok", "spark.yarn.archive is there: hdfs://ns/s.zip"),
        (
            ARCHIVE,
            "hdfs://ns/s.zip",
            False,
            "missing",
            "hdfs://ns/s.zip, which is not there, so no",
        ),
        (ARCHIVE, OTHER, True, "warning", "holds other jars than this machine's Spark"),
        (ARCHIVE, "/opt/s.zip", True, "warning", "of this machine, so that each submit uploads it"),
        (ARCHIVE, "local:/opt/s.zip", True, "missing", "can't be on the nodes themselves"),
        (JARS, "local:/opt/jars/*", False, None, ""),
        (JARS, "hdfs://ns/a/*.jar, hdfs://ns/b/*", False, "missing", "hdfs://ns/a/*.jar, hdfs:"),
    ],
)
def test_the_jars_that_jobs_name_are_looked_for(
    cluster: Cluster, name: str, value: str, is_there: bool, state: str | None, text: str
) -> None:
    cluster.param("spark.master", "yarn")
    cluster.site("core-site.xml", fs__defaultFS="hdfs://ns")
    cluster.site("yarn-site.xml", yarn__resourcemanager__address=cluster.listening())
    cluster.param(name, value)
    cluster.files = {value} if is_there else set()
    found = [each[1:] for each in cluster.checks() if name in each[2]]
    assert [each for each, _ in found if each != "ok" or state == "ok"] == [state] * bool(state)
    assert text in "".join(each for _, each in found)


KERBEROS = {"hadoop__security__authentication": "kerberos"}


def on_yarn(cluster: Cluster, **core: str) -> None:
    cluster.param("spark.master", "yarn")
    cluster.site("core-site.xml", fs__defaultFS="hdfs://ns", **core)
    cluster.site("yarn-site.xml", yarn__resourcemanager__address=cluster.listening())


def login(cluster: Cluster, name: str, job: str) -> None:
    cluster.param("spark.kerberos.principal", f"{name}@R", job)
    cluster.param("spark.kerberos.keytab", f"/etc/{name}.keytab", job)


def test_each_login_of_the_jobs_is_tried_and_told(cluster: Cluster) -> None:
    """The first one was tried alone."""
    on_yarn(cluster, **KERBEROS)
    for job, name in (("a", "etl"), ("b", "dwh"), ("c", "dwh")):
        login(cluster, name, job)
    cluster.refused = {"dwh@R"}
    found = {text: state for _, state, text in cluster.checks(jobs=("a", "b", "c"))}
    answered = "the resource manager answers etl@R (of a), logged in by /etc/etl.keytab"
    refused = (
        "dwh@R (of b, c) can't ask the resource manager by /etc/dwh.keytab: LoginException: "
        "Checksum failed"
    )
    assert (found[answered], found[refused]) == ("ok", "missing")
    assert any(text.startswith("not checked: the Python of the nodes") for text in found)
    assert cluster.has_closed
    # Nobody has logged in as the ticket of whoever runs Dagster.
    found = {text: state for _, state, text in cluster.checks(jobs=("a", "d"))}
    assert any(text.startswith("not checked: the login by Kerberos, and the") for text in found)


def test_a_login_without_kerberos_is_not_told_as_taken(cluster: Cluster) -> None:
    """Hadoop's clients take it for nothing to do."""
    on_yarn(cluster)
    login(cluster, "etl", "*")
    texts = [text for _, state, text in cluster.checks(jobs=("a",)) if state == "warning"]
    assert (
        "etl@R (of a) is not used, as hadoop.security.authentication is not kerberos: correct "
        "core-site.xml, or remove the principal"
    ) in texts


def test_the_jars_are_looked_for_by_each_login(cluster: Cluster) -> None:
    on_yarn(cluster, **KERBEROS)
    cluster.param(ARCHIVE, "hdfs://ns/s.zip")
    login(cluster, "etl", "a")
    login(cluster, "dwh", "b")
    cluster.seen_by = {"etl@R": {"hdfs://ns/s.zip"}, "dwh@R": set()}
    found = [each[1:] for each in cluster.checks(jobs=("a", "b")) if ARCHIVE in each[2]]
    assert [state for state, _ in found] == ["missing", "ok"]
    assert "spark.yarn.archive of b names hdfs://ns/s.zip, which is not there" in found[0][1]


def test_the_resource_manager_of_each_job_is_asked(cluster: Cluster) -> None:
    """One stood for all, of which a job has another by its own property."""
    on_yarn(cluster)
    gone = cluster.silent()
    cluster.param("spark.hadoop.yarn.resourcemanager.address", gone, "b")
    found = [text for _, _, text in cluster.checks(jobs=("a", "b")) if "resource manager" in text]
    assert len(found) == 2
    assert found[0].startswith("the resource manager answers at 127.0.0.1:")
    assert found[1].startswith(f"the resource manager does not answer: {gone} (")


class _Scheduler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        queues = {
            "queue": [
                {"queueName": "etl", "queuePath": "root.etl", "state": "RUNNING"},
                {"queueName": "adhoc"},
                {"queueName": "old", "state": "STOPPED"},
                {
                    "queueName": "team",
                    "state": "RUNNING",
                    "queues": {"queue": [{"queueName": "a"}]},
                },
            ]
        }
        answer = {"scheduler": {"schedulerInfo": {"queueName": "root", "queues": queues}}}
        is_scheduler = self.path == "/ws/v1/cluster/scheduler"
        self.send_response(200 if is_scheduler else 404)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent."""


def test_the_queue_is_asked_for(cluster: Cluster) -> None:
    server = HTTPServer(("127.0.0.1", 0), _Scheduler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        cluster.site("core-site.xml")
        cluster.site(
            "yarn-site.xml",
            yarn__resourcemanager__address=cluster.listening(),
            yarn__resourcemanager__webapp__address=f"127.0.0.1:{server.server_port}",
        )
        cluster.param("spark.master", "yarn")
        cluster.param("spark.yarn.queue", "etl")
        assert ("YARN", "ok", "the queue etl is there") in cluster.checks()
        cluster.param("spark.yarn.queue", "elt")
        (missing,) = [text for _, state, text in cluster.checks() if state == "missing"]
        usable = "spark.yarn.queue may be a, adhoc, etl, root.etl"
        assert missing == f"no queue elt: {usable}"
        # Of which doctor said that they are there.
        for queue, fault in (("old", "is STOPPED"), ("team", "has queues of its own")):
            cluster.param("spark.yarn.queue", queue)
            (missing,) = [text for _, state, text in cluster.checks() if state == "missing"]
            text = f"the queue {queue} takes no application, as it {fault}: have that changed"
            assert missing == f"{text}; {usable}"
        cluster.param("spark.yarn.queue", "elt")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    found = cluster.checks()
    assert any("whether the queue elt is there is unknown: " in text for _, _, text in found)
