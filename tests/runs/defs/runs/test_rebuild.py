"""execution_log made anew for a run whose process is gone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import psutil

from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import EXECUTION_LOG
from orch_dagster.defs.runs.liveness import PID_STARTED_TAG, PID_TAG, process_tags
from orch_dagster.defs.runs.rebuild import Rebuilt
from tests.code_location import add_jobs, open_date
from tests.played_runs import Played
from tests.unit.defs.runs.test_rebuild import DAYS, rebuilt


def test_a_run_whose_process_is_gone_is_failed_first(
    played: Callable[[], Played], store: ControlStore
) -> None:
    add_jobs(store, "FPMS", {"first": [], "second": ["first"]})
    open_date(store, "FPMS", DAYS[0])
    location = played()
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    started = psutil.Process(child.pid).create_time()
    since_boot = started - psutil.boot_time() if sys.platform == "linux" else started
    tags = {**process_tags(), PID_TAG: str(child.pid), PID_STARTED_TAG: str(since_boot)}
    run = location.start("first", DAYS[0], **tags)
    location.begin(run, "first")
    assert rebuilt(location) == Rebuilt(runs=1, rows=1, written=0, died=[])
    child.kill()
    child.communicate()

    assert rebuilt(location) == Rebuilt(runs=1, rows=1, written=1, died=[run.run_id])
    (row,) = store.read(EXECUTION_LOG)
    assert row["status"] == "Failed: the orchestrator died"
    assert rebuilt(location).written == 0
