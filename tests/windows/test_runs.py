"""Runs on Windows, by its own Python, Java and spark-submit.cmd, under Wine."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from typing import Any

import psutil
import pytest

from tests.waiting import wait_until
from tests.windows_install import BARE_FILES
from tests.windows_machine import WindowsMachine

pytestmark = [
    pytest.mark.spark,
    pytest.mark.timeout(600),
    pytest.mark.skipif(shutil.which("wine") is None, reason="wine is not installed"),
]

BIZ_DT, OTHER = "2024-05-15", "2024-05-16"
LANDING, ODD = "etl_lnd_gels_fpms_t_contract_master", "etl_lnd_gels_fpms_t_odd"
HOME = "home one"
# The signs that cmd reads, those of Java's and Spark's own quoting, and of other alphabets.
VALUE = "a b&c|d<e>f^g%PATH%h!i!j\"k'l(m)n,o;p=q\\\\r~s`t$u*v?wäß€日"
# What cmd leaves alone in a Java option.
OPTION = "a&b|c<d>e^f(g)ä"
# On a busy machine a session takes longer to start than its executor waits to report.
PATIENT = {"spark.executor.heartbeatInterval": "100s"}
# What Hadoop lacks, without a start of Dagster.
LACKS = """
import os
from orch_dagster.toolchain.windows_tools import missing_windows_tools

print(*missing_windows_tools(os.environ, platform="win32"))
"""
# `orch` with a TEMP, as Wine takes none from outside.
WITH_TEMP = """
import os, sys
os.environ["TEMP"] = os.environ["TMP"] = sys.argv.pop(1)
from orch_dagster.cli.main import main
main()
"""
# Says which values arrived, and waits to be killed.
SCRIPT = """
import threading
from framework import get_spark

spark = get_spark()
spark._jvm.System.out.println("OPTION " + spark._jvm.System.getProperty("orch.odd"))
spark._jvm.System.out.flush()
print("ARRIVED " + spark.conf.get("spark.orch.odd"), flush=True)
threading.Event().wait()
"""


@pytest.fixture(scope="module")
def windows(machine: WindowsMachine) -> WindowsMachine:
    machine.path(f"{HOME}/jobs").mkdir(parents=True)
    code, said = machine.orch("init", "--sample", home=HOME)
    assert code == 0, said
    # As a person there would write it.
    assert f"sqlite:///{machine.folder}\\home one\\.orch\\control.db" in said
    return machine


def properties(key_name: str, values: dict[str, str]) -> list[dict[str, str]]:
    keys = {"environment": "DEV", "key_name": key_name, "param_type": "spark"}
    return [{**keys, "param_key": key, "param_value": value} for key, value in values.items()]


@pytest.fixture(scope="module")
def jobs(windows: WindowsMachine) -> WindowsMachine:
    """With a second job, and a class that reads local files without hadoop.dll."""
    odd = {"job_id": "ODD", "job_name": ODD, "context_params": "{}", "script_path": "odd.py"}
    of_odd = {
        "spark.orch.odd": VALUE,
        "spark.driver.extraJavaOptions": f"-Dorch.odd={OPTION}",
    }
    parameters = [*properties("*", {**BARE_FILES, **PATIENT}), *properties(ODD, of_odd)]
    keys = {"entity": "GELS", "source_system": "FPMS", "biz_dt": OTHER}
    opened = {**keys, "start_dt": OTHER, "end_dt": OTHER}
    given: dict[str, Any] = {
        "job_master": [odd], "sys_params": parameters, "process_control": [opened],
    }  # fmt: skip
    windows.path(f"{HOME}/jobs/odd.py").write_text(SCRIPT, encoding="utf-8")
    windows.path(f"{HOME}/rows.json").write_text(json.dumps(given), encoding="utf-8")
    code, said = windows.orch("apply", f"{windows.folder}\\{HOME}\\rows.json", home=HOME)
    assert code == 0, said
    return windows


def newest(machine: WindowsMachine) -> tuple[str, int | None, str]:
    """job_name, row_count and status of the newest row of execution_log."""
    with closing(sqlite3.connect(machine.path(f"{HOME}/.orch/control.db"))) as store:
        query = "SELECT job_name, row_count, status FROM execution_log ORDER BY id DESC LIMIT 1"
        return store.execute(query).fetchone()


def log_with(machine: WindowsMachine, text: str) -> str | None:
    """The log of a run that has a text."""
    logs = [path.read_text(encoding="utf-8") for path in machine.path(HOME).glob("logs/*")]
    return next((log for log in logs if text in log), None)


def test_what_hadoop_lacks_is_said_before_spark_starts(windows: WindowsMachine) -> None:
    code, said = windows.python("-c", LACKS, folder=HOME)
    assert (code, r"C:\hadoop\bin\hadoop.dll is missing" in said) == (0, True), said
    run = ("run", "JOB_1001", "--biz-dt", BIZ_DT)
    code, said = windows.orch(*run, home=HOME, HADOOP_HOME="")
    assert (code, "HADOOP_HOME is not set" in said) == (1, True), said
    assert newest(windows)[2].startswith("Failed: HADOOP_HOME is not set")


def test_a_landing_is_complete_and_its_log_short(jobs: WindowsMachine) -> None:
    code, said = jobs.orch("run", "JOB_1001", "--biz-dt", BIZ_DT, home=HOME)
    assert code == 0, said
    assert newest(jobs) == (LANDING, 20_000, "Completed")
    log = log_with(jobs, "landed 20000 rows")
    assert log is not None
    # Of Spark its warnings alone, and no trace of jars that can't be removed.
    assert "StatusLogger" not in log
    assert "\tat " not in log
    assert len(log.splitlines()) < 40


def test_a_script_gets_each_sign_of_a_property_and_nothing_outlives_a_killed_orchestrator(
    jobs: WindowsMachine,
) -> None:
    """In a folder for temporary files with a space, as in C:\\Users\\First Last."""
    temporary = jobs.path("First Last")
    temporary.mkdir()
    command = ("-c", WITH_TEMP, rf"{jobs.folder}\{temporary.name}")
    run = ("run", "ODD", "--biz-dt", OTHER)
    home = rf"{jobs.folder}\{HOME}"
    process = jobs.start_python(*command, *run, folder=HOME, ORCH_HOME=home)

    def arrived() -> list[str]:
        log = log_with(jobs, f"odd started for {OTHER}") or ""
        return [line for line in log.splitlines() if "ARRIVED" in line]

    wait_until(arrived, "the job's session", 240)
    (line,) = arrived()
    assert line.endswith(f"ARRIVED {VALUE}")
    assert log_with(jobs, f"OPTION {OPTION}") is not None
    assert list(temporary.glob("orch-*"))
    # The one that Wine started for it, whose parent it stays.
    children = [each for each in jobs.processes() if "orch_dagster.cli" in " ".join(each.cmdline())]
    for child in {*children, psutil.Process(process.pid)}:
        child.kill()
    process.communicate()
    wait_until(lambda: not jobs.processes(), "no process left", 60)
    assert list(temporary.glob("orch-*")) == []
    code, said = jobs.orch("log", "rebuild", home=HOME)
    assert code == 0, said
    assert newest(jobs) == (ODD, None, "Failed: the orchestrator died")
