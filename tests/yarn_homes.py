"""Homes whose jobs run on a real YARN: their data on HDFS, their runs, and what runs leave."""

from __future__ import annotations

import getpass
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import psutil

from framework.contract.message_folder import FOLDER
from orch_dagster.spark.probe import FILE as PROBE
from orch_dagster.spark.yarn.gateway import YarnClient
from orch_dagster.spark.yarn.report import Application
from tests.hdfs_cluster import copy_to_hdfs
from tests.homes import BIZ_DT, Home
from tests.waiting import wait_until
from tests.yarn_cluster import YarnCluster

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def put(yarn: YarnCluster, folder: Path, target: str) -> None:
    """Copy a folder of this machine to HDFS."""
    copy_to_hdfs(folder, target, yarn.conf_dir)


def on_cluster(
    home: Home,
    yarn: YarnCluster,
    root: str,
    mode: Literal["client", "cluster"] = "cluster",
    more: Mapping[str, str] | None = None,
    *,
    has_archive: bool = False,
) -> None:
    """Have the jobs of a home run on the cluster, with their data below `root` on HDFS."""
    home.environ |= {**yarn.environ, "ORCH_DATA_ROOT": root}
    python = {"spark.pyspark.python": sys.executable}
    properties = {**yarn.spark_properties(mode), **python, **(more or {})}
    if has_archive:
        # Spark's jars are not on the node then.
        del properties["spark.yarn.jars"]
    home.set_params(properties, {})


def rows_hash(spark: SparkSession, path: str) -> tuple[int, int]:
    """The number of the rows of an ORC, and a hash that their order does not change."""
    from pyspark.sql import functions

    rows = spark.read.orc(path)
    columns = sorted(rows.columns)
    hashed = functions.sum(functions.xxhash64(*columns).cast("decimal(38,0)"))
    count, total = rows.agg(functions.count("*"), hashed).first() or (0, 0)
    return int(count), int(total)


def _user_folder() -> str:
    return f"/user/{getpass.getuser()}"


def left_on_hdfs(client: YarnClient) -> list[str]:
    """List what runs have left in the user's home folder."""
    home = _user_folder()
    names = [each.name for each in client.list_files(home) if each.name.startswith((FOLDER, PROBE))]
    return names + [each.name for each in client.list_files(f"{home}/.sparkStaging")]


def _words(process: psutil.Process) -> list[str]:
    """The words of a process's command; one that has ended since it was listed has none."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@dataclass
class YarnHome:
    """A home of one job on YARN."""

    home: Home
    job: str
    yarn: YarnCluster
    client: YarnClient
    processes: list[subprocess.Popen[str]] = field(default_factory=list[Any])

    def start(self, *more: str) -> subprocess.Popen[str]:
        """Run the job by a command that goes on; it is killed with the test."""
        process = subprocess.Popen(
            ["orch", "run", self.job, "--biz-dt", BIZ_DT, *more],
            env=self.home.environ, cwd=self.home.folder, text=True, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self.processes.append(process)
        return process

    def close(self) -> None:
        """Kill what goes on, and its applications; remove what the killed have left on HDFS."""
        for process in self.processes:
            process.kill()
            process.wait()
        for run_id in {str(row["run_id"]) for row in self.home.log_rows(self.job)}:
            self.client.end(run_id, "the test is over", within_s=30)
            for name in left_on_hdfs(self.client):
                if run_id in name:
                    self.client.delete(f"{_user_folder()}/{name}")

    @property
    def row(self) -> dict[str, Any]:
        """The newest row."""
        rows = self.home.log_rows(self.job)
        return rows[0] if rows else {}

    def application(self, state: str, after: str | None = None) -> Application:
        """Wait until the row names an application, another than `after`, that is in a state."""
        wait_until(
            lambda: self.row.get("spark_app_id") not in (None, after), "its application", 600
        )
        found = str(self.row["spark_app_id"])
        self.yarn.await_state(found, state, timeout_s=600)
        return self.client.report(found)

    def below(self, run: subprocess.Popen[str], program: str) -> list[psutil.Process]:
        """The processes of a run whose command names a program."""
        below = psutil.Process(run.pid).children(recursive=True)
        return [each for each in below if any(program in word for word in _words(each))]

    def await_submit(self, run: subprocess.Popen[str]) -> None:
        """Wait until the submit of a run, which doesn't wait for its application, has left."""
        wait_until(lambda: not self.below(run, "supervisor.py"), "the submit has left", 60)

    def leave_running(self) -> Application:
        """Start a run, and kill all who could end its application once that runs."""
        run = self.start()
        left = self.application("RUNNING")
        self.abandon(run)
        return left

    def abandon(self, run: subprocess.Popen[str]) -> None:
        """Kill all who could end the application of a run, once its submit has left."""
        self.await_submit(run)
        # Else it would start another gateway.
        run.send_signal(signal.SIGSTOP)
        for each in self.below(run, "gateway_script.py"):
            each.kill()
        run.kill()
        run.wait()

    def assert_nothing_left(self) -> None:
        """No process of the home is there, and on HDFS neither messages nor a staging folder."""
        wait_until(lambda: self.home.process_names() == [], "no process is left", timeout_s=180)
        assert left_on_hdfs(self.client) == []
