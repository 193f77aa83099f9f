"""A real Kudu for tests: masters and tablet servers on loopback, stopped and paused at will."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Literal

import pytest

from orch_dagster.control.kudu.address import parse_address
from orch_dagster.control.kudu.jvm import JvmDriver
from orch_dagster.toolchain.errors import SparkError
from orch_dagster.toolchain.jars import KUDU_BINARY, KUDU_JAR_VARIABLE, KUDU_SPARK, fetch_artifact
from tests.homes import Home, new_home
from tests.waiting import wait_until

# Fetched once for all test processes of this user; what is there is taken as it is.
CACHE = Path.home() / ".cache" / "orch_dagster"

Role = Literal["MASTER", "TSERVER"]


def kudu_home() -> Path:
    """The unpacked binaries of Kudu, fetched once."""
    folder = CACHE / KUDU_BINARY.file_name.removesuffix(".jar")
    if not folder.is_dir():
        jar = fetch_artifact(KUDU_BINARY, CACHE, os.environ)
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
            with zipfile.ZipFile(jar) as archive:
                archive.extractall(scratch)
            unpacked = Path(scratch) / folder.name
            for program in (unpacked / "bin").iterdir():
                program.chmod(0o755)
            try:
                unpacked.rename(folder)
            except OSError:
                # Another test process was first.
                assert folder.is_dir()
    return folder


def kudu_spark_jar() -> Path:
    """The jar of the Java client and the connector, fetched once."""
    return fetch_artifact(KUDU_SPARK, CACHE, os.environ)


def _environment(home: Path) -> dict[str, str]:
    """For Kudu's programs alone: its libraries would break others."""
    paths = {"LD_LIBRARY_PATH": str(home / "lib"), "SASL_PATH": str(home / "lib" / "sasl2")}
    return {**os.environ, **paths}


class KuduCluster:
    """Kudu's own mini cluster, each daemon a process of its own.

    Args:
        masters: 1 or 3.
        tservers: How many tablet servers.
        folder: Where its data is.
        master_flags: More flags of the masters.
        tserver_flags: More flags of the tablet servers.
    """

    def __init__(
        self,
        folder: Path,
        masters: int = 1,
        tservers: int = 1,
        master_flags: tuple[str, ...] = (),
        tserver_flags: tuple[str, ...] = (),
    ) -> None:
        home = kudu_home()
        self._log = (folder / "cluster.log").open("wb")
        self._process = subprocess.Popen(
            [home / "bin" / "kudu", "test", "mini_cluster", "--serialization=json"],
            # Where the cluster's sockets and keys go: short, as a socket's path has to be.
            env={**_environment(home), "TEST_TMPDIR": str(folder)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            # Ctrl-C at the tests is not for the daemons, which end with their pipe.
            start_new_session=True,
        )
        root = folder / "data"
        root.mkdir()
        keys = "--ipki_server_key_size=2048"
        # Leaders are chosen within half a second: tests make tables all the time.
        soon = "--raft_heartbeat_interval_ms=150"
        replicas = f"--default_num_replicas={3 if tservers >= 3 else 1}"
        self._call(
            "createCluster",
            numMasters=masters,
            numTservers=tservers,
            clusterRoot=str(root),
            extraMasterFlags=[replicas, "--ipki_ca_key_size=2048", keys, soon, *master_flags],
            extraTserverFlags=[keys, soon, *tserver_flags],
        )
        self._call("startCluster")
        self.masters = self._addresses("getMasters", "masters")
        self.tservers = self._addresses("getTservers", "tservers")

    @property
    def url(self) -> str:
        """For ORCH_CONTROL_URL, without a driver."""
        return f"kudu://{','.join(self.masters)}"

    def _call(self, verb: str, **body: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({verb: body}).encode() + b"\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"mini_cluster ended at {verb}: {Path(self._log.name).read_text()[-2000:]}"
        answer = json.loads(line)
        assert "error" not in answer, (verb, answer)
        return answer

    def _addresses(self, verb: str, field: str) -> list[str]:
        (body,) = self._call(verb).values()
        return ["{host}:{port}".format(**one["boundRpcAddress"]) for one in body[field]]

    def stop(self, role: Role, index: int = 0) -> None:
        """End a daemon at once, as a kill does."""
        self._call("stopDaemon", id={"type": role, "index": index})

    def start(self, role: Role, index: int = 0) -> None:
        """Start a daemon again, on its folder and port."""
        self._call("startDaemon", id={"type": role, "index": index})

    @contextmanager
    def stopped(self, *roles: Role, index: int = 0) -> Iterator[None]:
        """Daemons away for a while; afterwards the cluster is whole again."""
        for role in roles:
            self.stop(role, index)
        try:
            yield
        finally:
            for role in roles:
                self.start(role, index)
            wait_until(self.is_whole, "a whole cluster", timeout_s=180)

    def is_whole(self) -> bool:
        """Whether every server is there, and every tablet has its leader."""
        return self._tool("cluster", "ksck").returncode == 0

    @contextmanager
    def paused(self, role: Role, index: int = 0) -> Iterator[None]:
        """A daemon that accepts and does not answer, for a while."""
        self._call("pauseDaemon", id={"type": role, "index": index})
        try:
            yield
        finally:
            self._call("resumeDaemon", id={"type": role, "index": index})

    def restart(self) -> None:
        """Stop all and start all, on the same folders and ports."""
        self._call("stopCluster")
        self._call("startCluster")

    def drop_tables(self, home: Path) -> None:
        """Delete all tables."""
        with (
            closing(JvmDriver(parse_address(self.url), home)) as driver,
            driver.client() as client,
        ):
            for name in client.getTablesList().getTablesList():
                client.deleteTable(name)

    def tool(self, group: str, command: str, *arguments: str) -> str:
        """What Kudu's own command prints."""
        done = self._tool(group, command, *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _tool(self, group: str, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        home = kudu_home()
        return subprocess.run(
            [home / "bin" / "kudu", group, command, ",".join(self.masters), *arguments],
            env=_environment(home),
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()
        self._log.close()


@contextmanager
def kudu_cluster(
    masters: int = 1, tservers: int = 1, **flags: tuple[str, ...]
) -> Iterator[KuduCluster]:
    """A cluster of its own; skips where Kudu's binaries do not run, which in CI fails."""
    if reason := why_no_kudu():
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    folder = Path(tempfile.mkdtemp(prefix="orch-kudu-"))
    cluster = KuduCluster(folder, masters, tservers, **flags)
    try:
        yield cluster
    finally:
        cluster.close()
        shutil.rmtree(folder, ignore_errors=True)


def use_kudu(home: Home, cluster: KuduCluster, timeout_s: float = 30) -> None:
    """Empty the cluster, and let the home's commands keep their control tables there."""
    cluster.drop_tables(home.folder)
    home.environ["ORCH_CONTROL_URL"] = f"{cluster.url}?driver=jvm&timeout_s={timeout_s}"
    home.environ[KUDU_JAR_VARIABLE] = str(kudu_spark_jar())


def sample_home_on(cluster: KuduCluster, folder: Path) -> Home:
    """A home with the sample, its store on that Kudu, which is emptied."""
    made = new_home(folder)
    # Short: in an outage the tests wait for it. Less is too little for a new JVM beside others.
    use_kudu(made, cluster, timeout_s=6)
    made.here("init", "--sample")
    return made


def why_no_kudu() -> str | None:
    """Why a real Kudu cannot run here, or None."""
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        return "Kudu's binaries are for Linux on x86-64"
    try:
        kudu_home()
        os.environ.setdefault(KUDU_JAR_VARIABLE, str(kudu_spark_jar()))
    except SparkError as error:
        return str(error)
    return None
