"""A landing on YARN whose driver is killed: its row, its partition, and what is left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from orch_dagster.spark.yarn.gateway import YarnClient
from tests.homes import BIZ_DT, home_of_job
from tests.waiting import wait_until
from tests.yarn_cluster import YarnCluster
from tests.yarn_homes import YarnHome, on_cluster

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.yarn, pytest.mark.spark, pytest.mark.alone, pytest.mark.timeout(900)]

JOB = "etl_lnd_ins_sys_t"
TABLE = "out/t"
CONTEXT: dict[str, Any] = {
    "sources": [{"format": "csv", "path": "in/{biz_dt}.csv", "options": {"header": True}}],
    "hql": "t.hql",
    "sinks": [{"format": "orc", "path": TABLE, "partition_cols": ["biz_dt"]}],
}
# Each row takes as long as it says, on an executor.
HQL = "SELECT id, reflect('java.lang.Thread', 'sleep', CAST(pause_ms AS BIGINT)) AS slept FROM row1"
PAUSE_MS = 8_000
DRIVER = "org.apache.spark.deploy.yarn.ApplicationMaster"


class Landing:
    """A landed date on HDFS, and the next landing of it that is on its way.

    Each finds what the one before it has left, as its driver may have been killed.
    """

    def __init__(self, made: YarnHome, root: str, spark: SparkSession, scratch: Path) -> None:
        self.made, self.root, self.spark = made, root, spark
        self.scratch = scratch
        self.rows = self.write(1)
        made.home.orch("run", JOB, "--biz-dt", BIZ_DT)
        self.assert_landed()

    def write(self, first: int, pause_ms: int = 0) -> list[str]:
        """Write the source, of two rows; return their ids."""
        rows = [str(first), str(first + 1)]
        file = self.scratch / f"{BIZ_DT}.csv"
        file.write_text("id,pause_ms\n" + "".join(f"{row},{pause_ms}\n" for row in rows))
        target = f"{self.root}/in/{file.name}"
        self.made.client.delete(target)
        assert self.made.client.upload(file, target, timeout_s=60)
        return rows

    def landed(self) -> list[str]:
        rows = self.spark.read.orc(f"{self.root}/{TABLE}").collect()
        return sorted(row.id for row in rows)

    def submit(self, pause_ms: int = PAUSE_MS) -> None:
        """Start a landing of other rows, and wait until its application runs."""
        self.rows_before, before = self.rows, self.made.row["spark_app_id"]
        self.rows = self.write(int(self.rows[-1]) + 1, pause_ms)
        self.run = self.made.start()
        self.application = self.made.application("RUNNING", after=before)

    def begin(self) -> None:
        """Start a landing, and wait until an executor has a task of it."""
        self.submit()
        wait_until(lambda: f"{JOB}: stage " in self.log(), "a task", timeout_s=180)

    def log(self) -> str:
        logs = (self.made.home.folder / "logs").glob("job_*.log")
        return max(logs, key=lambda path: path.stat().st_mtime).read_text(encoding="utf-8")

    def kill(self, program: str, name: str) -> None:
        """Kill the processes of the application whose command has a word, of that name."""
        found = [
            each
            for each in psutil.process_iter(["name", "cmdline", "environ"])
            if each.info["name"].startswith(name)
            and self.application.id in str(each.info["environ"])
            and any(program in word for word in each.info["cmdline"] or ())
        ]
        assert found, f"no {program} of {self.application.id}"
        for each in found:
            each.kill()

    def end(self) -> dict[str, Any]:
        """Wait for the end of the run, and return its row."""
        self.run.communicate(timeout=400)
        self.made.assert_nothing_left()
        row = self.made.row
        assert row["end_time"]
        of_run = self.made.client.find(str(row["run_id"]))
        assert of_run
        assert all(each.is_over for each in of_run)
        return row

    def assert_landed(self) -> None:
        """The date has the new rows, and beside it is only the folder that it replaced."""
        assert self.landed() == self.rows
        names = [each.name for each in self.made.client.list_files(f"{self.root}/{TABLE}")]
        assert set(names) - {"_replaced"} == {f"biz_dt={BIZ_DT}"}

    def assert_not_landed(self) -> None:
        """The date has the rows that it had."""
        self.rows = self.rows_before
        assert self.landed() == self.rows


@pytest.fixture(scope="module")
def landing(
    yarn: YarnCluster,
    client: YarnClient,
    spark_application: SparkSession,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Landing]:
    folder = tmp_path_factory.mktemp("kills")
    root = f"{yarn.url}/kills"
    script = "from framework import run_landing\nrun_landing()\n"
    home = home_of_job(folder / "home", JOB, script, CONTEXT, {"t.hql": HQL})
    made = YarnHome(home, JOB, yarn, client)
    on_cluster(home, yarn, root)
    yield Landing(made, root, spark_application, folder)
    made.close()


def test_a_killed_driver_fails_the_date_and_leaves_its_rows(landing: Landing) -> None:
    landing.begin()
    landing.kill(DRIVER, "java")
    row = landing.end()
    failed = (
        f"Failed: {landing.application.id} failed: its driver was killed (exit code 137, SIGKILL)"
    )
    assert row["status"].startswith(failed)
    assert row["row_count"] is None
    landing.assert_not_landed()
