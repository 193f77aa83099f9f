"""A real YARN and HDFS for tests: four servers on loopback, the node elsewhere.

The node manager runs with another host name, and with empty folders where the orchestrator has its
own: what runs in a container sees nothing of them but what HDFS has, as on another machine.
"""

from __future__ import annotations

import getpass
import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from http.client import HTTPException
from pathlib import Path
from typing import Any, Literal
from xml.sax.saxutils import escape

import psutil
import pytest
from filelock import FileLock

from orch_dagster.settings import REPOSITORY
from orch_dagster.spark import supervisor
from orch_dagster.toolchain.errors import SparkError
from orch_dagster.toolchain.find import find_java, find_spark, read_spark_defaults
from tests.waiting import wait_until

# Fetched once for all test processes of this user.
CACHE = Path.home() / ".cache" / "orch_dagster"
# Of the version whose client Spark carries.
VERSION = "3.3.4"
# All that the servers need, as Maven resolves it, but for native code.
_LIST = Path(__file__).with_name("hadoop_servers.txt")
# Without their descriptors, which would take minutes.
_CENTRAL = """<ivysettings><settings defaultResolver="central"/><resolvers>
<ibiblio name="central" m2compatible="true" usepoms="false"/></resolvers></ivysettings>"""
_FETCHES = 6
Server = Literal["namenode", "datanode", "resourcemanager", "nodemanager", "other-nodemanager"]
_NODE_MANAGER = "org.apache.hadoop.yarn.server.nodemanager.NodeManager"
_MAINS: Mapping[Server, str] = {
    "namenode": "org.apache.hadoop.hdfs.server.namenode.NameNode",
    "datanode": "org.apache.hadoop.hdfs.server.datanode.DataNode",
    "resourcemanager": "org.apache.hadoop.yarn.server.resourcemanager.ResourceManager",
    "nodemanager": _NODE_MANAGER,
    "other-nodemanager": _NODE_MANAGER,
}
# The others start with the cluster.
_LATER: Server = "other-nodemanager"
_HOST = "127.0.0.1"
NODE_HOST = "node-elsewhere"
NODE_HOSTS: Mapping[Server, str] = {"nodemanager": NODE_HOST, _LATER: "other-node"}
# Starts of small JVMs, which live for seconds.
_FAST_JVM = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
_LOGGING = """
log4j.rootLogger=INFO,console
log4j.appender.console=org.apache.log4j.ConsoleAppender
log4j.appender.console.layout=org.apache.log4j.PatternLayout
log4j.appender.console.layout.ConversionPattern=%d %p %c{1}: %m%n
"""
# Loopback is never behind a proxy.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def hadoop_jars() -> Path:
    """The folder of Hadoop's servers with all that they need, fetched once by Spark's Ivy."""
    folder = CACHE / f"hadoop-servers-{VERSION}"
    CACHE.mkdir(parents=True, exist_ok=True)
    # Ivy's own cache can't be written by several test processes at once.
    with FileLock(CACHE / f"{folder.name}.lock"):
        if not folder.is_dir():
            with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
                listed = _LIST.read_text(encoding="utf-8").split()
                parts = [listed[start::_FETCHES] for start in range(_FETCHES)]
                with ThreadPoolExecutor(_FETCHES) as threads:
                    list(threads.map(partial(_fetch, Path(scratch)), range(_FETCHES), parts))
                (Path(scratch) / "jars").rename(folder)
    return folder


def _fetch(scratch: Path, number: int, coordinates: Sequence[str]) -> None:
    """Fetch a part of the list into scratch/jars."""
    dependencies = "".join(
        f'<dependency org="{group}" name="{name}" rev="{version}" transitive="false"/>'
        for group, name, version in (each.split(":") for each in coordinates)
    )
    module, central = scratch / f"ivy-{number}.xml", scratch / f"settings-{number}.xml"
    module.write_text(
        f'<ivy-module version="2.0"><info organisation="tests" module="hadoop-{number}"/>'
        f"<dependencies>{dependencies}</dependencies></ivy-module>",
        encoding="utf-8",
    )
    central.write_text(_CENTRAL, encoding="utf-8")
    java, spark = find_java(os.environ), find_spark(os.environ)
    (ivy,) = (spark.home / "jars").glob("ivy-*.jar")
    settings = read_spark_defaults(spark, os.environ).get("spark.jars.ivySettings") or str(central)
    pattern = f"{scratch}/jars/[organisation].[artifact]-[revision].[ext]"
    command = [str(java.home / "bin" / "java"), "-jar", str(ivy), "-ivy", str(module)]
    command += ["-settings", settings, "-retrieve", pattern]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
    if done.returncode != 0:
        raise SparkError(f"Hadoop's servers could not be fetched: {done.stdout[-2000:]}")


class YarnCluster:
    """The four servers, each a process of its own, ended with the test process in any case.

    Args:
        folder: Where their data is.
        hide: Folders that are empty for the node and its containers.
        memory_mb: The memory that the node offers.
        more: More properties of yarn-site.xml.

    Attributes:
        conf_dir: What HADOOP_CONF_DIR has to name.
        url: HDFS's root, such as hdfs://127.0.0.1:40123.
        rm_url: The resource manager's web address.
        rm_address: Where it listens to clients.
    """

    def __init__(
        self,
        folder: Path,
        hide: Sequence[Path] = (),
        memory_mb: int = 4096,
        more: Mapping[str, str] | None = None,
    ) -> None:
        self._folder = folder
        self._hide = [path.absolute() for path in hide]
        self._processes: dict[Server, subprocess.Popen[bytes]] = {}
        self._java = find_java(os.environ).home
        self.conf_dir = folder / "conf"
        ports = _free_ports(16)
        self.url, self.rm_url = f"hdfs://{_HOST}:{ports[0]}", f"http://{_HOST}:{ports[9]}"
        self.rm_address = f"{_HOST}:{ports[5]}"
        self._name_node = f"http://{_HOST}:{ports[1]}"
        self._write_conf(ports, memory_mb, more or {})
        self._of_other = _other_node([f"{_HOST}:{port}" for port in ports[13:]], folder)
        try:
            self._format()
            # All at once: each tries again until what it needs is there.
            for name in _MAINS:
                if name != _LATER:
                    self.start(name)
            self.await_hdfs()
            self.await_node()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End all, with every container."""
        for name in _MAINS:
            self.stop(name)

    def start(self, name: Server) -> None:
        """Start a server, on the data and the ports that it had."""
        command = self._command(_MAINS[name], *(self._of_other if name == _LATER else ()))
        if name in NODE_HOSTS and self._hide:
            command = self._elsewhere(command, NODE_HOSTS[name])
        with self._log(name).open("ab") as output:
            self._processes[name] = subprocess.Popen(
                [sys.executable, "-I", "-S", supervisor.__file__, "--grace", "5", "--", *command],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                env=self._server_environ(),
                start_new_session=True,
            )

    def stop(self, name: Server) -> None:
        """End a server, and with the node its containers."""
        process = self._processes.pop(name, None)
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        process.wait(30)

    def crash(self, name: Server) -> None:
        """Kill a server, and with the node its containers, as a loss of power does."""
        for each in psutil.Process(self._processes[name].pid).children(recursive=True):
            # It may have ended with another one.
            with suppress(psutil.NoSuchProcess):
                each.kill()
        self.stop(name)

    def repair(self) -> None:
        """Start what has ended, and end the second node."""
        self.stop(_LATER)
        for name in _MAINS:
            process = self._processes.get(name)
            if name != _LATER and (process is None or process.poll() is not None):
                self.start(name)
        self.await_hdfs()
        self.await_node()

    @contextmanager
    def silenced(self, name: Server) -> Generator[None]:
        """Stop a server's own process for a block, as a cut network does; its containers run on."""
        (process,) = psutil.Process(self._processes[name].pid).children()
        process.suspend()
        try:
            yield
        finally:
            process.resume()

    def forget_applications(self) -> None:
        """Delete what a resource manager that has ended knows of its applications."""
        shutil.rmtree(self._folder / "rm-state")

    def await_hdfs(self) -> None:
        """Wait until HDFS serves."""
        self._await(self._has_data_node, "HDFS serves", "namenode")

    def await_node(self, count: int = 1) -> None:
        """Wait until the resource manager has the node, or so many."""
        self._await(lambda: self._nodes() >= count, "a node of YARN", "resourcemanager")

    def await_no_node(self) -> None:
        """Wait until the resource manager has given up every node."""
        self._await(lambda: self._nodes() == 0, "no node of YARN", "resourcemanager")

    @property
    def environ(self) -> dict[str, str]:
        """The variables of an orchestrator that uses the cluster."""
        return {
            "HADOOP_CONF_DIR": str(self.conf_dir),
            "YARN_CONF_DIR": str(self.conf_dir),
            "SPARK_LOCAL_IP": _HOST,
            "SPARK_LOCAL_HOSTNAME": "localhost",
        }

    def spark_properties(self, deploy_mode: Literal["client", "cluster"]) -> dict[str, str]:
        """The Spark properties of a small job; Spark's jars are on the node, as on this machine."""
        spark = find_spark(os.environ).home.absolute()
        return {
            "spark.master": "yarn",
            "spark.submit.deployMode": deploy_mode,
            "spark.yarn.jars": f"local:{spark}/jars/*",
            "spark.yarn.maxAppAttempts": "1",
            "spark.ui.enabled": "false",
            "spark.yarn.appMasterEnv.SPARK_LOCAL_IP": _HOST,
            "spark.executorEnv.SPARK_LOCAL_IP": _HOST,
            "spark.driver.memory": "512m",
            "spark.executor.memory": "512m",
            "spark.executor.instances": "1",
            "spark.driver.extraJavaOptions": _FAST_JVM,
            "spark.executor.extraJavaOptions": _FAST_JVM,
            "spark.yarn.am.extraJavaOptions": _FAST_JVM,
            "spark.yarn.report.interval": "300ms",
            "spark.scheduler.minRegisteredResourcesRatio": "0",
            "spark.hadoop.fs.defaultFS": self.url,
        }

    def applications(self, tag: str | None = None) -> list[dict[str, Any]]:
        """What the resource manager has, of any state, as its web service tells it."""
        query = f"?applicationTags={tag}" if tag else ""
        found = self._json(f"{self.rm_url}/ws/v1/cluster/apps{query}")
        return (found.get("apps") or {}).get("app", [])

    def application(self, application_id: str) -> dict[str, Any]:
        """One of them."""
        return self._json(f"{self.rm_url}/ws/v1/cluster/apps/{application_id}")["app"]

    def await_state(self, application_id: str, *states: str, timeout_s: float = 180.0) -> None:
        """Wait until an application is in one of these states."""
        wait_until(
            lambda: self.application(application_id)["state"] in states,
            f"{application_id} is {' or '.join(states)}",
            timeout_s,
        )

    def staging(self) -> list[str]:
        """The names in .sparkStaging of this user."""
        path = f"/user/{getpass.getuser()}/.sparkStaging"
        try:
            found = self._json(f"{self._name_node}/webhdfs/v1{path}?op=LISTSTATUS")
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return []
            raise
        return [each["pathSuffix"] for each in found["FileStatuses"]["FileStatus"]]

    def _write_conf(self, ports: Sequence[int], memory_mb: int, more: Mapping[str, str]) -> None:
        # Web applications are looked up on the class path.
        for name in ("hdfs", "datanode", "cluster", "node", "static"):
            (self.conf_dir / "webapps" / name).mkdir(parents=True)
        data = self._folder / "data"
        at = [f"{_HOST}:{port}" for port in ports]
        self._xml("core-site", {"fs.defaultFS": self.url, "hadoop.tmp.dir": str(data)})
        self._xml("hdfs-site", _hdfs_site(at))
        self._xml("yarn-site", {**_yarn_site(at, self._folder, memory_mb), **more})
        self._xml("capacity-scheduler", _SCHEDULER)
        (self.conf_dir / "log4j.properties").write_text(_LOGGING, encoding="utf-8")

    def _xml(self, name: str, properties: Mapping[str, str]) -> None:
        lines = "".join(
            f"<property><name>{key}</name><value>{escape(value)}</value></property>\n"
            for key, value in properties.items()
        )
        text = f"<configuration>\n{lines}</configuration>\n"
        (self.conf_dir / f"{name}.xml").write_text(text, encoding="utf-8")

    def _format(self) -> None:
        command = self._command(_MAINS["namenode"], "-format", "-nonInteractive")
        with self._log("format").open("wb") as output:
            subprocess.run(
                command, check=True, timeout=240, env=self._server_environ(),
                stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            )  # fmt: skip

    def _command(self, main: str, *arguments: str) -> list[str]:
        class_path = os.pathsep.join([str(self.conf_dir), f"{hadoop_jars()}/*"])
        return [
            str(self._java / "bin" / "java"), "-Xmx256m", *_FAST_JVM.split(),
            "--add-opens", "java.base/java.lang=ALL-UNNAMED", "-Djava.net.preferIPv4Stack=true",
            f"-Dyarn.log.dir={self._folder}", f"-Dhadoop.log.dir={self._folder}",
            "-cp", class_path, main, *arguments,
        ]  # fmt: skip

    def _elsewhere(self, command: Sequence[str], host: str) -> list[str]:
        """The command in mount and host name namespaces of its own."""
        hosts = self._folder / f"hosts-of-{host}"
        known = Path("/etc/hosts").read_text(encoding="utf-8")
        hosts.write_text(f"{known}\n{_HOST} {host}\n", encoding="utf-8")
        steps = [f"hostname {host}", f"mount --bind {shlex.quote(str(hosts))} /etc/hosts"]
        steps += [f"mount -t tmpfs none {shlex.quote(str(path))}" for path in self._hide]
        script = "; ".join([*steps, 'exec "$@"'])
        namespaces = ["unshare", "-m", "-u", "--propagation", "private"]
        return [*namespaces, "sh", "-ec", script, "sh", *command]

    def _server_environ(self) -> dict[str, str]:
        prefixes = ("HADOOP_", "YARN_", "HDFS_", "SPARK_")
        kept = {name: v for name, v in os.environ.items() if not name.startswith(prefixes)}
        return {**kept, **self.environ, "JAVA_HOME": str(self._java)}

    def printed(self, application_id: str) -> str:
        """Return what the containers of an application that runs have written to stderr."""
        found = self._folder.glob(f"*userlogs/{application_id}/*/stderr")
        return "".join(each.read_text(encoding="utf-8", errors="replace") for each in found)

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def _await(self, is_true: Callable[[], bool], what: str, log_of: Server) -> None:
        processes = self._processes

        def seen() -> bool:
            for name, process in processes.items():
                assert process.poll() is None, f"{name} ended: {_tail(self._log(name))}"
            try:
                return is_true()
            except (OSError, ValueError, LookupError, HTTPException):
                return False

        try:
            wait_until(seen, what, timeout_s=300)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{_tail(self._log(log_of))}") from error

    def _has_data_node(self) -> bool:
        query = "Hadoop:service=NameNode,name=FSNamesystemState"
        (state,) = self._json(f"{self._name_node}/jmx?qry={query}")["beans"]
        return state["FSState"] == "Operational" and state["NumLiveDataNodes"] >= 1

    def _nodes(self) -> int:
        metrics = self._json(f"{self.rm_url}/ws/v1/cluster/metrics")["clusterMetrics"]
        return int(metrics["activeNodes"])

    def _json(self, url: str) -> dict[str, Any]:
        with _OPENER.open(url, timeout=10) as response:
            return json.load(response)


_SCHEDULER = {
    "yarn.scheduler.capacity.root.queues": "default",
    "yarn.scheduler.capacity.root.default.capacity": "100",
    "yarn.scheduler.capacity.maximum-am-resource-percent": "0.9",
}


def _hdfs_site(at: Sequence[str]) -> dict[str, str]:
    return {
        "dfs.replication": "1",
        "dfs.permissions.enabled": "false",
        "dfs.namenode.http-address": at[1],
        "dfs.datanode.address": at[2],
        "dfs.datanode.http.address": at[3],
        "dfs.datanode.ipc.address": at[4],
        "dfs.datanode.hostname": _HOST,
        "dfs.namenode.safemode.extension": "0",
        "dfs.namenode.datanode.registration.ip-hostname-check": "false",
        # No loss of power is among the faults: spare the disk.
        "dfs.namenode.edits.noeditlogchannelflush": "true",
    }


def _yarn_site(at: Sequence[str], folder: Path, memory_mb: int) -> dict[str, str]:
    state = "org.apache.hadoop.yarn.server.resourcemanager.recovery.FileSystemRMStateStore"
    return {
        "yarn.resourcemanager.hostname": _HOST,
        "yarn.resourcemanager.address": at[5],
        "yarn.resourcemanager.scheduler.address": at[6],
        "yarn.resourcemanager.resource-tracker.address": at[7],
        "yarn.resourcemanager.admin.address": at[8],
        "yarn.resourcemanager.webapp.address": at[9],
        # A resource manager that starts again still has its applications.
        "yarn.resourcemanager.recovery.enabled": "true",
        "yarn.resourcemanager.store.class": state,
        "yarn.resourcemanager.fs.state-store.uri": (folder / "rm-state").as_uri(),
        "yarn.nodemanager.hostname": _HOST,
        "yarn.nodemanager.address": at[10],
        "yarn.nodemanager.localizer.address": at[11],
        "yarn.nodemanager.webapp.address": at[12],
        "yarn.nodemanager.resource.memory-mb": str(memory_mb),
        "yarn.nodemanager.resource.cpu-vcores": "8",
        "yarn.scheduler.minimum-allocation-mb": "256",
        "yarn.scheduler.maximum-allocation-mb": str(memory_mb),
        "yarn.nodemanager.vmem-check-enabled": "false",
        "yarn.nodemanager.pmem-check-enabled": "false",
        "yarn.nodemanager.disk-health-checker.max-disk-utilization-per-disk-percentage": "99.5",
        "yarn.nodemanager.log-dirs": str(folder / "userlogs"),
        "yarn.nodemanager.local-dirs": str(folder / "nm-local"),
        "yarn.nodemanager.heartbeat.interval-ms": "200",
        "yarn.resourcemanager.nodemanagers.heartbeat-interval-ms": "200",
        "yarn.nodemanager.resourcemanager.minimum.version": "NONE",
        "yarn.nodemanager.env-whitelist": "JAVA_HOME,HADOOP_CONF_DIR",
        "yarn.log-aggregation-enable": "true",
        "yarn.nodemanager.remote-app-log-dir": "/app-logs",
    }


def _other_node(at: Sequence[str], folder: Path) -> list[str]:
    """The arguments of a second node manager, which has files of its own."""
    of_it = {
        "address": at[0],
        "localizer.address": at[1],
        "webapp.address": at[2],
        "log-dirs": str(folder / "other-userlogs"),
        "local-dirs": str(folder / "other-nm-local"),
    }
    return [f"-Dyarn.nodemanager.{name}={value}" for name, value in of_it.items()]


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((_HOST, 0))
        return [each.getsockname()[1] for each in sockets]


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-3000:] if log.exists() else "no log"


@contextmanager
def yarn_cluster(
    hide: Sequence[Path] = (), memory_mb: int = 4096, more: Mapping[str, str] | None = None
) -> Generator[YarnCluster]:
    """A YARN of its own, whose node sees neither these folders nor the project's own.

    It skips where that can't be had, which in CI fails.
    """
    reason = _unavailable()
    if reason:
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    folder = Path(tempfile.mkdtemp(prefix="orch-yarn-"))
    of_project = [REPOSITORY / name for name in ("jobs", "hql")]
    cluster = None
    try:
        cluster = YarnCluster(folder, [*hide, *of_project], memory_mb, more)
        yield cluster
    finally:
        if cluster is not None:
            cluster.close()
        shutil.rmtree(folder, ignore_errors=True)


def _unavailable() -> str | None:
    """Why no such cluster can be had here."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "a node elsewhere needs Linux's namespaces, and root"
    try:
        hadoop_jars()
    except SparkError as error:
        return str(error)
    return None
