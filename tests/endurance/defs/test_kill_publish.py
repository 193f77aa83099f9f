"""kill -9 of the driver, of the job's python and of the orchestrator, at every step of the publish.

One run holds a landing at each of them; `orch recover` sets right what is left.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests import held_landings
from tests.held_landings import JOB, TABLES
from tests.homes import BIZ_DT, Home, home_of_job
from tests.killed_landings import Dates
from tests.waiting import wait_until

pytestmark = [pytest.mark.spark, pytest.mark.chaos]

SCRIPT = """
import held_landings
from framework import get_spark

get_spark()
held_landings.main()
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home whose one job holds its landings."""
    sinks = [{"format": "orc", "path": path, "partition_cols": ["biz_dt"]} for path in TABLES]
    context = {"sources": [{"format": "csv", "path": "in.csv"}], "sinks": sinks}
    made = home_of_job(tmp_path_factory.mktemp("held") / "home", JOB, SCRIPT, context)
    shutil.copy(held_landings.__file__, made.folder / "jobs")
    return made


@pytest.mark.parametrize("victim", ["driver", "python", "orchestrator"])
def test_recover_gives_the_old_or_the_new_whole(
    home: Home, victim: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home.environ["ORCH_DATA_ROOT"] = str(tmp_path)
    dates = Dates(tmp_path)
    dates.prepare()
    log = tmp_path / "run.log"
    with log.open("wb") as output:
        run = subprocess.Popen(
            [sys.executable, "-m", "orch_dagster.cli", "run", JOB, "--biz-dt", BIZ_DT],
            env=home.environ,
            cwd=home.folder,
            stdout=output,
            stderr=output,
        )
    try:
        wait_until(lambda: dates.are_held() or run.poll() is not None, "held landings", 90)
        assert run.poll() is None, log.read_text()
        pid = {"driver": dates.parent, "python": dates.pid, "orchestrator": run.pid}[victim]
        assert (psutil.Process(pid).name() == "java") == (victim == "driver")
        psutil.Process(pid).kill()
        wait_until(lambda: not home.process_names(), "the end of all processes", 30)
    finally:
        run.kill()
        run.wait()
    with capsys.disabled():
        dates.check_points(victim)
    dates.note_expected()
    cut_off = dates.cut_off()

    done = home.json("recover", JOB)

    assert {(one["biz_dt"], one["outcome"]) for one in done} == {
        (biz_dt, "recovered") for biz_dt in cut_off
    }
    dates.check()
    assert home.json("recover") == []
