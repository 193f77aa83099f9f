"""Fifty runs at once on the embedded store: each has its own parameters, log and row.

CROWD is how many (50).
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import pytest

from orch_dagster.control.connect import open_store
from orch_dagster.control.tables import PROCESS_CONTROL
from tests.homes import STORE_URL, Home, home_of_job
from tests.plain_spark import plain_spark
from tests.waiting import wait_until

RUNS = int(os.environ.get("CROWD", "50"))
LINES = 20
JOB = "etl_lnd_ins_sys_t"

# It begins its work when all have come as far. No session, so no Spark: so many are too much
# for a machine.
SCRIPT = f"""
import json, os, pathlib, threading
from framework import load_params
from framework.logging import get_logger

metadata = json.loads(pathlib.Path(os.environ["JOB_PARAMS_FILE"]).read_text())["metadata"]
here = pathlib.Path(os.environ["JOB_BASE_DIR"], "here")
(here / metadata["run_id"]).write_text(json.dumps(metadata))
while len(list(here.iterdir())) < {RUNS}:
    threading.Event().wait(0.2)
for number in range({LINES}):
    get_logger("crowd").info("logged %s of %s", number, metadata["run_id"])
    print("printed", number, "of", metadata["run_id"], flush=True)
"""


@pytest.fixture
def crowded_home(tmp_path: Path) -> Home:
    """A home with a script for so many dates."""
    home = home_of_job(tmp_path / "home", JOB, SCRIPT, {"sources": [], "sinks": []})
    home.environ["ORCH_SPARK_HOME"] = str(plain_spark(tmp_path / "spark"))
    keys = {"entity": "INS", "source_system": "SYS"}
    dates = [{**keys, "biz_dt": biz_dt} for biz_dt in days()]
    (home.folder / "dates.yaml").write_text(json.dumps({"process_control": dates}))
    home.here("apply", "dates.yaml")
    (home.folder / "here").mkdir()
    return home


def days() -> list[str]:
    return [(date(2024, 1, 1) + timedelta(days=number)).isoformat() for number in range(RUNS)]


@pytest.fixture
def commands(crowded_home: Home) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """A command for each date, all at work."""
    started: dict[str, subprocess.Popen[bytes]] = {}
    for biz_dt in days():
        with (crowded_home.folder / f"{biz_dt}.log").open("wb") as said:
            started[biz_dt] = subprocess.Popen(
                crowded_home.execute_command(JOB, biz_dt),
                env=crowded_home.environ,
                cwd=crowded_home.folder,
                stdout=said,
                stderr=said,
            )
    yield started
    for command in started.values():
        command.kill()
        command.wait()


@pytest.mark.alone
@pytest.mark.timeout(1200)
@pytest.mark.skipif(sys.platform == "win32", reason="its spark-submit is a script of POSIX")
def test_none_of_the_runs_sees_another(
    crowded_home: Home, commands: dict[str, subprocess.Popen[bytes]]
) -> None:

    def are_over() -> bool:
        codes = [command.poll() for command in commands.values()]
        return None not in codes or any(codes)

    wait_until(are_over, "the end of all, or one that failed", timeout_s=1000)
    codes = {biz_dt: command.poll() for biz_dt, command in commands.items()}
    said = {biz_dt: (crowded_home.folder / f"{biz_dt}.log").read_text() for biz_dt in days()}
    failed = {biz_dt: said[biz_dt][-2000:] for biz_dt, code in codes.items() if code}
    assert failed == {}
    assert [biz_dt for biz_dt, text in said.items() if "database is locked" in text] == []

    rows = crowded_home.json("log", "--job", JOB, "--limit", str(2 * RUNS))
    assert {row["status"] for row in rows} == {"Completed"}
    date_of_run = {row["run_id"]: row["biz_dt"] for row in rows}
    assert sorted(date_of_run.values()) == days()
    assert len(rows) == len(date_of_run) == RUNS

    for run_id, biz_dt in date_of_run.items():
        metadata = json.loads((crowded_home.folder / "here" / run_id).read_text())
        assert metadata["biz_dts"] == [biz_dt]
        (log,) = (crowded_home.folder / "logs").glob(f"job_*_{run_id[:8]}.log")
        told = re.findall(r"(logged|printed) (\d+) of (\S+)\n", log.read_text())
        assert {owner for _, _, owner in told} == {run_id}
        assert len(told) == len(set(told)) == 2 * LINES

    with closing(open_store(STORE_URL, crowded_home.folder)) as store:
        stamped = {str(row["run_id"]): row["biz_dt"] for row in store.read(PROCESS_CONTROL)}
    # One more was opened with the home, and had no run.
    assert {run_id: stamped.get(run_id) for run_id in date_of_run} == date_of_run
