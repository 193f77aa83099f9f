"""A date that lands again and again on a real YARN while something is killed."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import psutil
from dagster import DagsterEventType

from orch_dagster.spark.yarn.gateway import YarnClient
from orch_dagster.spark.yarn.report import Application
from tests.homes import BIZ_DT, home_of_job
from tests.waiting import wait_until
from tests.yarn_cluster import YarnCluster
from tests.yarn_homes import YarnHome, on_cluster

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

JOB = "etl_lnd_ins_sys_t"
TABLE = "out/t"
SCRIPT = "from framework import run_landing\nrun_landing()\n"
CONTEXT: dict[str, Any] = {
    "sources": [
        {
            "format": "csv",
            "path": "in/{biz_dt}.csv",
            # With it no stage reads the header, so that the first one is that which writes.
            "schema": "id STRING, pause_ms STRING",
            "options": {"header": True},
        }
    ],
    "hql": "t.hql",
    "sinks": [{"format": "orc", "path": TABLE, "partition_cols": ["biz_dt"]}],
}
# Each row takes as long as it says, on an executor.
HQL = "SELECT id, reflect('java.lang.Thread', 'sleep', CAST(pause_ms AS BIGINT)) AS slept FROM row1"
PAUSE_MS = 8_000
# As an executor says it.
_TASK = "Running task 0.0 in stage 0.0"

# Of the processes of a job: what the program's name begins with, and a word of its command.
SUBMIT = ("java", "org.apache.spark.deploy.SparkSubmit")
DRIVER_JVM = ("java", "org.apache.spark.deploy.yarn.ApplicationMaster")
DRIVER_PYTHON = ("python", "job.py")
EXECUTOR = ("java", "org.apache.spark.executor.YarnCoarseGrainedExecutorBackend")
# What others of the same words are not.
_SUPERVISOR = "supervisor.py"

# What tests change, as it is by default.
_SPARK = {
    "spark.executor.cores": "1",
    "spark.executor.memory": "512m",
    "spark.task.maxFailures": "4",
    "spark.yarn.submit.waitAppCompletion": "false",
}
_SYSTEM = {
    # Paths of this machine are passed too, which a test may have; the others' are on HDFS.
    "paths.shared": "/",
    "queue.minutes": "720",
    "retry.delay": "60",
    "retry.max": "0",
}

Mode = Literal["client", "cluster"]


class Landing:
    """A landed date on HDFS, and the next landing of it that is on its way.

    Each finds what the one before it has left, as its driver may have been killed.
    """

    def __init__(self, made: YarnHome, root: str, spark: SparkSession, scratch: Path) -> None:
        self.made, self.root, self.spark = made, root, spark
        self.scratch = scratch
        # Those of the date, and those of the newest source.
        self.rows: list[str] = []
        self.new_rows = ["0"]
        self._application: Application | None = None
        self.land_whole()

    def use(
        self,
        mode: Mode,
        more: Mapping[str, str] | None = None,
        system: Mapping[str, str] | None = None,
        **context: Any,
    ) -> None:
        """Have the next landings run with these properties, settings and context_params."""
        on_cluster(self.made.home, self.made.yarn, self.root, mode, {**_SPARK, **(more or {})})
        self.made.home.set_params({}, {**_SYSTEM, **(system or {})})
        row = {"job_id": "J", "job_name": JOB, "script_path": "job.py"}
        rows = {"job_master": [{**row, "context_params": {**CONTEXT, **context}}]}
        (self.made.home.folder / "job.yaml").write_text(json.dumps(rows))
        self.made.home.here("apply", "job.yaml")

    def add_hql(self, name: str, text: str) -> None:
        """Write another HQL file of the home."""
        (self.made.home.folder / "hql" / name).write_text(text)

    def write(self, pause_ms: int = 0) -> None:
        """Write a source of two rows that were in none before."""
        first = int(self.new_rows[-1]) + 1
        self.new_rows = [str(first), str(first + 1)]
        file = self.scratch / f"{BIZ_DT}.csv"
        file.write_text("id,pause_ms\n" + "".join(f"{row},{pause_ms}\n" for row in self.new_rows))
        target = f"{self.root}/in/{file.name}"
        self.made.client.delete(target)
        assert self.made.client.upload(file, target, timeout_s=60)

    def land_whole(self) -> None:
        """Land the date, with nothing killed."""
        self.write()
        self.made.home.orch("run", JOB, "--biz-dt", BIZ_DT)
        self.made.assert_nothing_left()
        self.assert_landed()

    def landed(self) -> list[str]:
        """Read the ids of the date's rows."""
        rows = self.spark.read.orc(f"{self.root}/{TABLE}").collect()
        return sorted((row.id for row in rows), key=int)

    def start(self) -> None:
        """Start a landing of the source."""
        self._application = None
        self.run = self.made.start()

    def submit(self, pause_ms: int = PAUSE_MS, state: str = "RUNNING") -> None:
        """Start a landing of other rows, and wait until its application is in a state."""
        before = self.made.row["spark_app_id"]
        self.write(pause_ms)
        self.start()
        self._application = self.made.application(state, after=before)

    @property
    def application(self) -> Application:
        """The application of the landing that was submitted."""
        assert self._application is not None, "nothing was submitted"
        return self._application

    def begin(self, pause_ms: int = PAUSE_MS) -> None:
        """Start a landing, and wait until an executor has a task of it."""
        self.submit(pause_ms)
        self.await_task(self.application.id)

    def await_task(self, application_id: str) -> None:
        """Wait until an executor of an application has a task."""
        wait_until(lambda: _TASK in self.made.yarn.printed(application_id), "a task", timeout_s=600)

    def await_reason(self, reason: str) -> None:
        """Wait until all that shows the landing while it waits says why."""
        waiting = f"waiting for YARN: {reason}"

        def is_in_row() -> bool:
            return str(self.made.row["error_message"]).startswith(waiting)

        def is_in_event_log() -> bool:
            run_id = str(self.made.row["run_id"])
            events = self.made.home.events(run_id, DagsterEventType.ENGINE_EVENT)
            return any(str(each.message).startswith(f"{JOB} is {waiting}") for each in events)

        wait_until(is_in_row, "why, in the row", timeout_s=300)
        wait_until(is_in_event_log, "why, in Dagit's event log", timeout_s=20)
        wait_until(lambda: f"{JOB}: is {waiting}" in self.log(), "why, in its log", timeout_s=20)
        shown = self.made.home.here("log", "--job", JOB, "--limit", "1").stdout
        assert waiting in " ".join(shown.split())
        assert self.made.row["status"] == "Started", "it does not wait any more"

    def assert_waited(self, reason: str) -> None:
        """The command that ran the landing has printed why it waited."""
        assert f"{JOB} is waiting for YARN: {reason}" in self.printed

    def log(self) -> str:
        """Read the newest log."""
        logs = (self.made.home.folder / "logs").glob("job_*.log")
        return max(logs, key=lambda path: path.stat().st_mtime).read_text(encoding="utf-8")

    def kill(self, program: tuple[str, str]) -> None:
        """Kill the processes of a program: of the containers, or of the run here."""
        name, word = program
        found = [
            each
            for each in [*self._containers(), *self.made.below(self.run, word)]
            if each.name().startswith(name)
            and any(word in given for given in each.cmdline())
            and not any(_SUPERVISOR in given for given in each.cmdline())
        ]
        assert found, f"no {word} of {self.application.id}"
        for each in found:
            each.kill()

    def _containers(self) -> list[psutil.Process]:
        """The processes of the landing's containers; of one that was not awaited, by its row."""
        of_it = self._application.id if self._application else self.made.row["spark_app_id"]
        if not of_it:
            return []
        return [
            each
            for each in psutil.process_iter(["environ"])
            if str(of_it) in str(each.info["environ"])
        ]

    def end(self) -> dict[str, Any]:
        """Wait for the end of the run, and of all that it started; return its row."""
        self.printed, _ = self.run.communicate(timeout=1200)
        self.made.assert_nothing_left()
        row = self.made.row
        assert row["end_time"]
        of_run = self.made.client.find(str(row["run_id"]))
        assert all(each.is_over for each in of_run)
        wait_until(lambda: not self._containers(), "no container is left", timeout_s=300)
        return row

    def assert_landed(self) -> None:
        """The date has the new rows, and beside it is only the folder that it replaced."""
        self.rows = self.new_rows
        assert self.landed() == self.rows
        names = [each.name for each in self.made.client.list_files(f"{self.root}/{TABLE}")]
        assert set(names) - {"_replaced"} == {f"biz_dt={BIZ_DT}"}

    def assert_not_landed(self) -> None:
        """The date has the rows that it had."""
        assert self.landed() == self.rows


@contextmanager
def landings(
    yarn: YarnCluster, client: YarnClient, spark: SparkSession, folder: Path
) -> Generator[Landing]:
    """A home whose job has landed its date once; at the end it lands it again, over all kills."""
    root = f"{yarn.url}/{folder.name}"
    home = home_of_job(folder / "home", JOB, SCRIPT, CONTEXT, {"t.hql": HQL})
    made = YarnHome(home, JOB, yarn, client)
    on_cluster(home, yarn, root)
    try:
        landing = Landing(made, root, spark, folder)
        yield landing
        landing.use("cluster")
        landing.land_whole()
    finally:
        made.close()
