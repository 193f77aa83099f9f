"""kill -9 of a process that lands, at every step of the publish, and what comes after it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from framework.plan import Place
from framework.publish.processes import psutil_probe, this_process
from framework.publish.publication import publication, recover
from framework.storage.local import LocalFileSystem
from orch_dagster.settings import REPOSITORY
from tests import held_landings
from tests.held_landings import JOB, TABLES, fill
from tests.killed_landings import Dates
from tests.waiting import wait_until

JOBS = REPOSITORY / "jobs"
ME = this_process("after the kill", psutil_probe)


@pytest.fixture
def dates(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Dates:
    """The dates as they are when the process that landed them was killed."""
    dates = Dates(tmp_path)
    dates.prepare()
    environ = {**os.environ, "JOB_BASE_DIR": str(tmp_path), "PYTHONPATH": str(JOBS)}
    process = subprocess.Popen([sys.executable, held_landings.__file__], env=environ)
    try:
        wait_until(lambda: dates.are_held() or process.poll() is not None, "held landings", 60)
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()
    with capsys.disabled():
        dates.check_points("a python process")
    dates.note_expected()
    return dates


def test_recovery_gives_the_old_or_the_new_whole(dates: Dates) -> None:
    cut_off = dates.cut_off()
    said = {
        biz_dt: recover(LocalFileSystem(), dates.journal(biz_dt).as_posix(), ME, psutil_probe)
        for biz_dt in dates.steps
    }
    assert {biz_dt for biz_dt, text in said.items() if text} == cut_off
    dates.check()


def test_the_next_landing_recovers_before_it_begins(dates: Dates) -> None:
    for biz_dt in dates.steps:
        folder = f"biz_dt={biz_dt}"
        places = [Place(dates.folder(table, biz_dt).as_posix(), folder) for table in TABLES]
        with publication(LocalFileSystem(), places, JOB, biz_dt, ME, psutil_probe) as current:
            # Whatever becomes of this landing.
            dates.check_date(biz_dt)
            for staging in current.staging:
                fill(Path(staging) / folder, "next")
            current.commit()
        dates.now_expect(biz_dt, "next")
    dates.check()
