"""`orch log --follow` of runs without Spark, as real processes."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import psutil
import pytest
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus

from orch_dagster.defs.runs.liveness import PID_STARTED_TAG, PID_TAG, process_tags
from orch_dagster.run_log import RunLog, run_log_path
from tests.homes import Home, new_home
from tests.waiting import wait_until

JOB = dg.GraphDefinition("none").to_job()


class Runs:
    """A home, its instance, and the logs of its runs."""

    def __init__(self, home: Home, instance: DagsterInstance) -> None:
        self.home = home
        self.instance = instance

    def start(self, **tags: str) -> DagsterRun:
        status = DagsterRunStatus.STARTED
        return self.instance.create_run_for_job(JOB, status=status, tags=tags or process_tags())

    def log(self, run: DagsterRun) -> RunLog:
        record = self.instance.get_run_record_by_id(run.run_id)
        assert record is not None
        logs = self.home.folder / "logs"
        return RunLog(run_log_path(logs, run.run_id, record.create_timestamp))

    def end(self, run: DagsterRun) -> None:
        success = dg.DagsterEvent(dg.DagsterEventType.RUN_SUCCESS.value, run.job_name, message="")
        self.instance.report_dagster_event(success, run.run_id)


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Runs]:
    home = new_home(tmp_path / "home")
    home.orch("init")
    with DagsterInstance.from_config(home.environ["DAGSTER_HOME"]) as instance:
        yield Runs(home, instance)


@contextmanager
def following(runs: Runs, run_id: str) -> Iterator[tuple[subprocess.Popen[bytes], Path, Path]]:
    """The process, and the files to which it prints."""
    out, err = runs.home.folder / "out.txt", runs.home.folder / "err.txt"
    with out.open("wb") as to_out, err.open("wb") as to_err:
        process = subprocess.Popen(
            [sys.executable, "-m", "orch_dagster.cli", "log", "--follow", run_id],
            env=runs.home.environ,
            cwd=runs.home.folder,
            stdout=to_out,
            stderr=to_err,
        )
        try:
            yield process, out, err
        finally:
            process.kill()
            process.wait()


def test_a_run_that_goes_on_is_followed_to_its_end(runs: Runs) -> None:
    run = runs.start()
    log = runs.log(run)
    log.write("INFO", "orch", "one")
    with following(runs, run.run_id[:8]) as (process, out, err):
        wait_until(lambda: b"one\n" in out.read_bytes(), "the first line", timeout_s=60)
        log.write("INFO", "spark", "two: é")
        wait_until(lambda: "two: é\n" in out.read_text(encoding="utf-8"), "the second line")
        assert process.poll() is None
        log.write("INFO", "orch", "three")
        runs.end(run)
        assert process.wait(60) == 0
    assert out.read_bytes() == log.path.read_bytes()
    assert err.read_text() == ""


def test_a_run_that_has_not_begun_is_waited_for(runs: Runs) -> None:
    run = runs.start()
    with following(runs, run.run_id) as (process, out, err):
        wait_until(lambda: "has started no job yet" in err.read_text(), "the word", timeout_s=60)
        log = runs.log(run)
        log.write("INFO", "orch", "one")
        assert str(log.path) in err.read_text()
        wait_until(lambda: b"one\n" in out.read_bytes(), "the line")
        runs.instance.report_run_failed(run, "no rows")
        assert process.wait(60) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="a signal ends the process there")
@pytest.mark.usefixtures("own_signals")
def test_ctrl_c_ends_it_quietly(runs: Runs) -> None:
    run = runs.start()
    runs.log(run).write("INFO", "orch", "one")
    with following(runs, run.run_id) as (process, out, err):
        wait_until(lambda: b"one\n" in out.read_bytes(), "the line", timeout_s=60)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    assert err.read_text() == ""


def test_a_run_whose_process_is_gone_is_over(runs: Runs) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    started = psutil.Process(child.pid).create_time()
    since_boot = started - psutil.boot_time() if sys.platform == "linux" else started
    tags = {**process_tags(), PID_TAG: str(child.pid), PID_STARTED_TAG: str(since_boot)}
    run = runs.start(**tags)
    runs.log(run).write("INFO", "orch", "one")
    with following(runs, run.run_id) as (process, out, _):
        wait_until(lambda: b"one\n" in out.read_bytes(), "the line", timeout_s=60)
        assert process.poll() is None
        child.kill()
        child.communicate()
        assert process.wait(60) == 1


def test_what_cannot_be_followed_is_one_line(runs: Runs) -> None:
    run = runs.start()
    runs.end(run)
    for words, said in {
        run.run_id: f"run {run.run_id} has ended and has no log",
        "zz": "no run of this instance has an id that starts with 'zz'",
        "": "the run id is empty",
    }.items():
        done = runs.home.orch("log", "--follow", words, check=False)
        assert (done.returncode, done.stdout) == (1, "")
        (line,) = done.stderr.splitlines()
        assert said in line


def test_before_anything_ran(tmp_path: Path) -> None:
    home = new_home(tmp_path / "home")
    del home.environ["DAGSTER_HOME"]
    done = home.orch("log", "--follow", "abc", check=False)
    assert done.returncode == 1
    assert done.stderr == f"orch: nothing has run in {home.folder} yet\n"
    assert list(home.folder.iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [("--follow", "abc", "--json"), ("--limit", "3", "rebuild"), ("rebuild", "--since", "soon")],
)
def test_wrong_calls(tmp_path: Path, words: tuple[str, ...]) -> None:
    home = new_home(tmp_path / "home")
    assert home.orch("log", *words, check=False).returncode == 2
