"""A real HDFS for tests: a name node and a data node on loopback, in one JVM."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orch_dagster.spark import supervisor
from orch_dagster.toolchain.errors import SparkError
from orch_dagster.toolchain.find import find_java, find_spark
from orch_dagster.toolchain.jars import Artifact, fetch_artifact
from tests.waiting import wait_until

# Fetched once for all test processes of this user.
CACHE = Path.home() / ".cache" / "orch_dagster"
# Hadoop's own servers with what they need, shaded. Of the version whose client Spark carries.
SERVERS = Artifact("org.apache.hadoop", "hadoop-client-minicluster", "3.3.4")
_MAIN = "org.apache.hadoop.test.MiniDFSClusterManager"
_LOGGING = """
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d %p %c{1}: %m%n
"""
_PROPERTIES = {
    "dfs.replication": "1",
    # No loss of power is among the faults: spare the disk.
    "dfs.namenode.edits.noeditlogchannelflush": "true",
}


class HdfsCluster:
    """Both servers, ended with the test process whatever becomes of it.

    Attributes:
        url: The root, such as hdfs://localhost:40123.
    """

    def __init__(self, folder: Path) -> None:
        (folder / "log4j2.properties").write_text(_LOGGING, encoding="utf-8")
        details = folder / "details.json"
        java, spark = find_java(os.environ), find_spark(os.environ)
        class_path = [folder, fetch_artifact(SERVERS, CACHE, os.environ), spark.home / "jars" / "*"]
        properties = {**_PROPERTIES, "hdfs.minidfs.basedir": str(folder / "data")}
        command = [
            str(java.home / "bin" / "java"), "-Xmx384m",
            "--add-opens", "java.base/java.lang=ALL-UNNAMED",
            "-cp", os.pathsep.join(map(str, class_path)),
            _MAIN, "-format", "-datanodes", "1", "-writeDetails", str(details),
        ]  # fmt: skip
        for name, value in properties.items():
            command += ["-D", f"{name}={value}"]
        log = folder / "servers.log"
        with log.open("wb") as output:
            self._supervisor = subprocess.Popen(
                [sys.executable, "-I", "-S", supervisor.__file__, "--grace", "1", "--", *command],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            ended = self._supervisor.poll
            wait_until(lambda: _read(details) or ended() is not None, "HDFS", timeout_s=240)
            assert ended() is None, log.read_text(errors="replace")[-3000:]
        except BaseException:
            self.close()
            raise
        self.url = f"hdfs://localhost:{_read(details)['namenode_port']}"

    def close(self) -> None:
        """End both."""
        assert self._supervisor.stdin is not None
        self._supervisor.stdin.close()
        self._supervisor.wait(30)


def _read(details: Path) -> dict[str, int]:
    """What the servers say of themselves; nothing before they serve."""
    text = details.read_text() if details.exists() else ""
    return json.loads(text) if text.endswith("}") else {}


@contextmanager
def hdfs_cluster() -> Generator[HdfsCluster]:
    """An HDFS of its own; skips where its jar cannot be fetched, which in CI fails."""
    try:
        fetch_artifact(SERVERS, CACHE, os.environ)
    except SparkError as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))
    folder = Path(tempfile.mkdtemp(prefix="orch-hdfs-"))
    cluster = HdfsCluster(folder)
    try:
        yield cluster
    finally:
        cluster.close()
        shutil.rmtree(folder, ignore_errors=True)


def copy_to_hdfs(folder: Path, target: str, conf_dir: Path) -> None:
    """Copy what a folder of this machine holds to a folder of HDFS, a whole URL.

    `conf_dir` has Hadoop's core-site.xml, without which its shell does nothing.
    """
    java, spark = find_java(os.environ), find_spark(os.environ)
    path = os.pathsep.join([str(conf_dir), f"{spark.home}/jars/*"])
    command = [str(java.home / "bin" / "java"), "-cp", path, "org.apache.hadoop.fs.FsShell"]
    files = [str(each) for each in folder.iterdir()]
    for words in (["-mkdir", "-p", target], ["-put", *files, target]):
        done = subprocess.run(
            [*command, *words], capture_output=True, text=True, timeout=180, check=False
        )
        assert done.returncode == 0, done.stderr
