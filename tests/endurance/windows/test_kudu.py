"""The control tables in a Kudu elsewhere, by the Java client in Windows' Python."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator

import pytest

from orch_dagster.toolchain.jars import KUDU_JAR_VARIABLE
from tests.kudu_cluster import KuduCluster, kudu_cluster, kudu_spark_jar
from tests.waiting import wait_until
from tests.windows_install import BARE_FILES
from tests.windows_machine import WindowsMachine, windows_machine

pytestmark = [
    pytest.mark.kudu,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(shutil.which("wine") is None, reason="wine is not installed"),
]

JOB, BIZ_DT = "etl_lnd_wine_kudu_t_script", "2024-05-15"
# No session: what is tried here is the store. It goes on until it is let go.
SCRIPT = """
import os, pathlib, threading

print("WAITS", flush=True)
while not pathlib.Path(os.environ["JOB_BASE_DIR"], "go").exists():
    threading.Event().wait(0.2)
"""
_ALL = {"environment": "DEV", "key_name": "*", "param_type": "spark"}
ROWS = {
    "sys_params": [
        {**_ALL, "param_key": key, "param_value": value} for key, value in BARE_FILES.items()
    ],
    "job_master": [
        {"job_id": "K", "job_name": JOB, "context_params": "{}", "script_path": "waits.py"}
    ],
    "process_control": [
        {"entity": "WINE", "source_system": "KUDU", "biz_dt": BIZ_DT, "start_dt": BIZ_DT,
         "end_dt": BIZ_DT}
    ],
}  # fmt: skip
RUN = ("run", JOB, "--biz-dt", BIZ_DT)


class Home:
    """A home on a machine whose control tables are in a cluster."""

    def __init__(self, machine: WindowsMachine, cluster: KuduCluster) -> None:
        self.machine, self.cluster = machine, cluster
        self.folder = machine.path("home")
        # More than a new JVM takes there beside other work.
        self.environ = {
            "ORCH_CONTROL_URL": f"{cluster.url}?driver=jvm&timeout_s=20",
            KUDU_JAR_VARIABLE: rf"{machine.folder}\kudu.jar",
        }

    def orch(self, *words: str) -> tuple[int, str]:
        return self.machine.orch(*words, home="home", **self.environ)

    def statuses(self) -> list[str]:
        """The statuses of the rows of execution_log, by Kudu's own command."""
        columns = "-columns=status"
        said = self.cluster.tool("table", "scan", "execution_log", columns)
        return [line for line in said.splitlines() if "status=" in line]

    def log(self) -> str:
        """The log of the newest run."""
        logs = sorted(self.folder.glob("logs/job_*.log"))
        return logs[-1].read_text(encoding="utf-8") if logs else ""


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    """A home with a job; the rows are in Kudu."""
    with kudu_cluster() as cluster, windows_machine() as machine:
        made = Home(machine, cluster)
        (made.folder / "jobs").mkdir(parents=True)
        (made.folder / "jobs/waits.py").write_text(SCRIPT, encoding="utf-8")
        (made.folder / "rows.json").write_text(json.dumps(ROWS), encoding="utf-8")
        shutil.copy(kudu_spark_jar(), machine.path("kudu.jar"))
        for words in (("init",), ("apply", "rows.json")):
            code, said = made.orch(*words)
            assert code == 0, said
        yield made


@pytest.mark.parametrize("how", ["stopped", "paused"])
def test_a_master_that_does_not_answer_is_named(home: Home, how: str) -> None:
    away = home.cluster.stopped if how == "stopped" else home.cluster.paused
    with away("MASTER"):
        code, said = home.orch("log")
    assert code == 1, said
    assert "Traceback" not in said
    reason = "nothing listens there" if how == "stopped" else "does not answer"
    assert home.cluster.masters[0] in said
    assert reason in said


@pytest.mark.spark
@pytest.mark.parametrize("how", ["stopped", "paused"])
def test_a_run_whose_store_is_away_at_its_end_loses_no_row(home: Home, how: str) -> None:
    """The result stands; `orch log rebuild` writes the row."""
    before, seen = home.statuses(), home.log()
    (home.folder / "go").unlink(missing_ok=True)
    run = home.machine.start(*RUN, home="home", **home.environ)
    begun = ("WAITS", "failed: ")
    wait_until(
        lambda: home.log() != seen and any(word in home.log() for word in begun),
        "the job's script",
        900,
    )
    assert "WAITS" in home.log()
    away = home.cluster.stopped if how == "stopped" else home.cluster.paused
    with away("TSERVER"):
        (home.folder / "go").touch()
        wait_until(lambda: f"{JOB} completed" in home.log(), "the job's end", 900)
        wait_until(lambda: "the sensor writes the row" in home.log(), "the row given up", 900)
    said, _ = run.communicate(timeout=900)
    assert run.returncode in (0, 1), said
    code, said = home.orch("log", "rebuild")
    assert code == 0, said
    after = home.statuses()
    assert len(after) == len(before) + 1
    assert all("Completed" in status for status in after), after
