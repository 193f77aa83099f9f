"""A Spark standalone master and workers on loopback, the workers without some folders."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from orch_dagster.settings import REPOSITORY
from orch_dagster.spark import supervisor
from orch_dagster.toolchain.find import find_java, find_spark
from orch_dagster.toolchain.hadoop_conf import answering
from tests.waiting import wait_until


class Standalone:
    """A master, and a worker or none, for which some folders are empty.

    The worker has 1 GB of memory for each of its cores.
    """

    def __init__(
        self, folder: Path, hide: list[Path], *, has_worker: bool = True, cores: int = 1
    ) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self.folder, self.hide, self.has_worker = folder, hide, has_worker
        self.cores = cores
        self.spark, self.java = find_spark(os.environ).home, find_java(os.environ).home
        self.environ = {
            **os.environ, "SPARK_LOCAL_IP": "127.0.0.1", "JAVA_HOME": str(self.java),
            "SPARK_HOME": str(self.spark), "PYSPARK_PYTHON": sys.executable,
            "SPARK_DAEMON_MEMORY": "256m",
        }  # fmt: skip
        self._opened = ExitStack()

    def __enter__(self) -> Standalone:
        master = ["Master", "--host", "127.0.0.1", "--port", self.address[10:], "--webui-port", "0"]
        self._start("org.apache.spark.deploy.master", master, [])
        wait_until(lambda: answering([self.address])[self.address] is None, "a master")
        if self.has_worker:
            self._start_worker()
        return self

    def _start_worker(self) -> None:
        worker = [
            "Worker", "--host", "127.0.0.1", "--webui-port", "0", "--cores", f"{self.cores}",
            "--memory", f"{self.cores}g", "--work-dir", str(self.folder / "work"),
            f"spark://{self.address}",
        ]  # fmt: skip
        mounts = "; ".join(f"mount -t tmpfs none '{path}'" for path in self.hide)
        apart = ["unshare", "-m", "--propagation", "private", "sh", "-ec", f'{mounts}; exec "$@"']
        self._start("org.apache.spark.deploy.worker", worker, [*apart, "sh"])

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def _start(self, package: str, words: list[str], before: list[str]) -> None:
        main, *rest = words
        command = [*before, str(self.spark / "bin" / "spark-class"), f"{package}.{main}", *rest]
        log = self._opened.enter_context((self.folder / f"{main}.log").open("wb"))
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", supervisor.__file__, "--grace", "5", "--", *command],
            stdin=subprocess.PIPE, stdout=log, stderr=log, env=self.environ,
            start_new_session=True,
        )  # fmt: skip
        assert process.stdin is not None
        # The supervisor ends all that it started when its pipe closes.
        self._opened.callback(process.wait, 30)
        self._opened.callback(process.stdin.close)

    def submit(self, script: Path, *arguments: str) -> list[list[Any]]:
        done = subprocess.run(
            [
                str(self.spark / "bin" / "spark-submit"), "--master", f"spark://{self.address}",
                "--conf", "spark.ui.enabled=false", "--conf", "spark.executor.memory=512m",
                "--conf", "spark.driver.memory=512m", "--conf", "spark.task.maxFailures=1",
                str(script), *arguments,
            ],
            env={**self.environ, "PYTHONPATH": str(REPOSITORY / "jobs")}, cwd=self.folder,
            capture_output=True, text=True, timeout=330, check=False,
        )  # fmt: skip
        lines = done.stdout.splitlines()
        found = [json.loads(line[7:]) for line in lines if line.startswith("RESULT ")]
        assert done.returncode == 0, done.stderr[-3000:]
        return found
