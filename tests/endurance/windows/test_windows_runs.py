"""A chain, failures and stops of runs on Windows, in a home with signs of other alphabets."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.waiting import wait_until
from tests.windows_held import BIZ_DT, HELD, HeldJob
from tests.windows_held import ODD_DATA as DATA
from tests.windows_held import ODD_HOME as HOME
from tests.windows_install import BARE_FILES
from tests.windows_machine import WindowsMachine, windows_machine

pytestmark = [
    pytest.mark.spark,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(shutil.which("wine") is None, reason="wine is not installed"),
]

# Of a sink deeper than 260 characters.
DEEP = "/".join(["deep" * 15] * 4)
DATES = ("2024-05-15", "2024-05-16")
PARENT, CHILD = "etl_lnd_wine_sys_t_parent", "etl_lnd_wine_sys_t_child"
BAD, SLOW = "etl_lnd_wine_bad_t_bad", "etl_lnd_wine_slow_t_slow"
EXIT, TALKS = "etl_lnd_wine_slow_t_exit", "etl_lnd_wine_slow_t_talks"
HELD_RUN = ("run", HELD, "--biz-dt", BIZ_DT)
# Waits to be ended; the JVM of its session lives as long.
SLOW_SCRIPT = """
import threading
from framework import get_spark

spark = get_spark()
print("WAITS", flush=True)
threading.Event().wait()
"""
EXIT_SCRIPT = """
import sys
from framework import get_spark

get_spark()
print("LEAVES", flush=True)
sys.exit(3)
"""
# The first are written by the job, the second by the orchestrator, to one file.
TALKS_SCRIPT = """
import threading
from framework import get_logger

logger = get_logger("own")

def log():
    for number in range(LINES):
        logger.info("logged %d %s", number, "x" * 80)

def show():
    for number in range(LINES):
        print(f"printed {number} " + "y" * 80, flush=True)

threads = [threading.Thread(target=log), threading.Thread(target=show)]
for each in threads:
    each.start()
for each in threads:
    each.join()
"""
LINES = 5000
# Has a file open as an ordinary program has it. Windows then lets nobody rename its folder; Wine 8
# refuses that only where a program is in the folder itself.
READER = """
import os, sys

os.chdir(os.path.dirname(os.environ["READ"]))
with open(os.environ["READ"], "rb"):
    print("open", flush=True)
    sys.stdin.readline()
"""
# `orch`, which a line on standard input ends as Ctrl-Break does: Wine 8 brings that key to no
# program, so the signal that the C runtime makes of it is raised.
WITH_BREAK = """
import signal, sys, threading

def press():
    sys.stdin.readline()
    signal.raise_signal(signal.SIGBREAK)

threading.Thread(target=press, daemon=True).start()
from orch_dagster.cli.main import main
main()
"""
HQL = {
    PARENT: "SELECT name, CAST(amount AS INT) amount, '${hivevar:biz_dt}' biz_dt FROM row1",
    CHILD: "SELECT sum(amount) amount, '${hivevar:biz_dt}' biz_dt FROM row1",
    BAD: "SELECT name,\n  no_such_column, '${hivevar:biz_dt}' biz_dt\nFROM row1",
}


def rows() -> dict[str, list[dict[str, Any]]]:
    csv = {"format": "csv", "path": "data/{biz_dt}.csv", "options": {"header": True}}
    landed = {"format": "orc", "path": f"out/{DEEP}/parent/biz_dt={{biz_dt}}"}

    def context(name: str, source: dict[str, Any]) -> str:
        path = f"out/{DEEP}/parent" if name == PARENT else f"out/{name[-6:].strip('_')}"
        sink = {"format": "orc", "path": path, "partition_cols": ["biz_dt"]}
        return json.dumps({"sources": [source], "hql": f"{name}.hql", "sinks": [sink]})

    jobs = [
        {"job_id": "P", "job_name": PARENT, "context_params": context(PARENT, csv)},
        {"job_id": "C", "job_name": CHILD, "context_params": context(CHILD, landed)},
        {"job_id": "B", "job_name": BAD, "context_params": context(BAD, csv)},
    ]
    for job in jobs:
        job["script_path"] = "landing.py"
    slow = json.dumps({"timeout_minutes": 1})
    jobs.append({"job_id": "S", "job_name": SLOW, "context_params": slow, "script_path": "slow.py"})
    for name, script in ((EXIT, "exit.py"), (TALKS, "talks.py")):
        jobs.append(
            {"job_id": script, "job_name": name, "context_params": "{}", "script_path": script}
        )
    edge = {"dependent_job_id": "C", "dependent_job_name": CHILD, "dependency_level": 1}
    keys = {"environment": "DEV", "key_name": "*", "param_type": "spark"}
    return {
        "job_master": jobs,
        "job_dependency": [{**edge, "parent_job_id": "P", "parent_job_name": PARENT}],
        "sys_params": [
            {**keys, "param_key": key, "param_value": value} for key, value in BARE_FILES.items()
        ],
        "process_control": [
            {"entity": "WINE", "source_system": source, "biz_dt": date, "start_dt": date,
             "end_dt": date}
            for source in ("SYS", "BAD", "SLOW") for date in DATES
        ],
    }  # fmt: skip


def environ(machine: WindowsMachine) -> dict[str, str]:
    return {"ORCH_DATA_ROOT": rf"{machine.folder}\{DATA}"}


def orch(machine: WindowsMachine, *words: str) -> tuple[int, str]:
    return machine.orch(*words, home=HOME, **environ(machine))


def write_source(machine: WindowsMachine, date: str, number: int) -> None:
    """Write ten rows with amounts from a number on."""
    lines = [f"n{each},{each + number}" for each in range(10)]
    text = "\n".join(["name,amount", *lines, ""])
    machine.path(f"{DATA}/data/{date}.csv").write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def windows() -> Iterator[WindowsMachine]:
    with windows_machine() as machine:
        home = machine.path(HOME)
        for folder in ("jobs", "hql"):
            (home / folder).mkdir(parents=True)
        machine.path(f"{DATA}/data").mkdir(parents=True)
        (home / "jobs/slow.py").write_text(SLOW_SCRIPT, encoding="utf-8")
        (home / "jobs/exit.py").write_text(EXIT_SCRIPT, encoding="utf-8")
        talks = TALKS_SCRIPT.replace("LINES", str(LINES))
        (home / "jobs/talks.py").write_text(talks, encoding="utf-8")
        for name, text in HQL.items():
            (home / f"hql/{name}.hql").write_text(text, encoding="utf-8")
        for number, date in enumerate(DATES):
            write_source(machine, date, number)
        (home / "rows.json").write_text(json.dumps(rows()), encoding="utf-8")
        code, said = orch(machine, "init")
        assert code == 0, said
        code, said = orch(machine, "apply", "rows.json")
        assert code == 0, said
        yield machine


def temporary(machine: WindowsMachine) -> set[Path]:
    """The folders of runs for temporary files, and the files that name their owners."""
    return set((machine.drive / "users").rglob("Temp/orch-*"))


def log_rows(machine: WindowsMachine, job_name: str) -> list[tuple[str, int | None, str]]:
    """biz_dt, row_count and status of a job's rows of execution_log, by biz_dt."""
    with closing(sqlite3.connect(machine.path(f"{HOME}/.orch/control.db"))) as store:
        query = (
            "SELECT biz_dt, row_count, status FROM execution_log WHERE job_name = ? ORDER BY biz_dt"
        )
        return store.execute(query, (job_name,)).fetchall()


@pytest.fixture(scope="module")
def held(windows: WindowsMachine) -> HeldJob:
    """With a date that has landed once, and takes hours the next time."""
    job = HeldJob(windows, HOME, DATA)
    job.add()
    code, said = job.orch("run", HELD, "--biz-dt", BIZ_DT)
    assert code == 0, said
    job.let_it_take_hours()
    return job


def ctrl_c(held: HeldJob, words: Sequence[str], variables: Mapping[str, str]) -> tuple[int, str]:
    """Run `orch` on a console, and press the key while the job writes."""
    command = ("-m", "orch_dagster.cli", *words)
    with held.machine.on_console(*command, folder=HOME, **variables) as console:
        held.wait_until_it_writes()
        console.type(b"\x03")
        # The console's own process ends with it.
        return console.end()


def ctrl_break(
    held: HeldJob, words: Sequence[str], variables: Mapping[str, str]
) -> tuple[int, str]:
    """Run `orch`, and raise the key's signal while the job writes."""
    process = held.machine.start_python("-c", WITH_BREAK, *words, folder=HOME, **variables)
    held.wait_until_it_writes()
    said, _ = process.communicate("\n", timeout=900)
    return process.returncode, said


@pytest.mark.parametrize("press", [ctrl_c, ctrl_break])
def test_a_key_cancels_a_run_whole(
    held: HeldJob,
    press: Callable[[HeldJob, Sequence[str], Mapping[str, str]], tuple[int, str]],
) -> None:
    before = held.files()
    variables = {"ORCH_HOME": rf"{held.machine.folder}\{HOME}", **held.environ()}
    code, shown = press(held, ("run", HELD, "--biz-dt", BIZ_DT), variables)
    wait_until(lambda: not held.machine.processes(), "no process left", 120)
    assert code == 130, shown
    held.check_stopped(before, "Canceled")


def is_victim(process: psutil.Process, word: str) -> bool:
    """Whether a word is in the command of a process, which is not cmd: that names Java's class."""
    try:
        program, *words = process.cmdline()
    except (psutil.Error, ValueError):
        # It has ended.
        return False
    return "cmd" not in program and word in " ".join(words)


@pytest.mark.parametrize(
    ("victim", "status"),
    [("SparkSubmit", "Failed: "), ("supervisor.py", "Failed: The supervisor of")],
)
def test_a_run_whose_process_is_killed_fails_and_leaves_nothing(
    held: HeldJob, victim: str, status: str
) -> None:
    """Of the two, Windows ends what the supervisor started; the other is Java."""
    before, temporary_before = held.files(), temporary(held.machine)
    run = ("run", HELD, "--biz-dt", BIZ_DT)
    process = held.machine.start(*run, home=HOME, **held.environ())
    held.wait_until_it_writes()
    killed = [each for each in held.machine.processes() if is_victim(each, victim)]
    assert killed
    for each in killed:
        each.kill()
    said, _ = process.communicate(timeout=900)
    assert process.returncode == 1, said
    wait_until(lambda: not held.machine.processes(), "no process left", 120)
    # A supervisor that is killed leaves its folder to the next start.
    left = temporary(held.machine) - temporary_before
    assert left or victim != "supervisor.py"
    held.check_stopped(before, status)
    assert not left & temporary(held.machine)


def test_an_orchestrator_that_is_killed_while_a_landing_writes_leaves_nothing(
    held: HeldJob,
) -> None:
    before, temporary_before = held.files(), temporary(held.machine)
    process = held.machine.start(*HELD_RUN, home=HOME, **held.environ())
    held.wait_until_it_writes()
    # The one that Wine started for it, whose parent it stays.
    killed = [each for each in held.machine.processes() if is_victim(each, "orch_dagster.cli")]
    assert killed
    for each in {*killed, psutil.Process(process.pid)}:
        each.kill()
    process.communicate(timeout=60)
    wait_until(lambda: not held.machine.processes(), "no process left", 120)
    assert temporary(held.machine) <= temporary_before
    assert held.files() == before
    code, said = held.orch("log", "rebuild")
    assert code == 0, said
    held.check_stopped(before, "Failed: the orchestrator died")
    held.check_lands_next(before)


def test_a_landing_that_writes_over_its_time_is_ended(held: HeldJob) -> None:
    before, temporary_before = held.files(), temporary(held.machine)
    variables = {**held.environ(), "ORCH_TIMEOUT_MINUTES": "3"}
    process = held.machine.start(*HELD_RUN, home=HOME, **variables)
    held.wait_until_it_writes()
    said, _ = process.communicate(timeout=900)
    assert process.returncode == 1, said
    wait_until(lambda: not held.machine.processes(), "no process left", 120)
    assert temporary(held.machine) <= temporary_before
    held.check_stopped(before, "Failed: timed out after 3 minutes and was stopped")
    held.check_lands_next(before)


@contextmanager
def reading(held: HeldJob, name: str) -> Generator[None]:
    """Have a file of the landed date open in another program."""
    path = rf"{held.machine.folder}\{held.data}\out\t_held\biz_dt={BIZ_DT}\{name}"
    process = held.machine.start_python("-c", READER, folder=HOME, READ=path)
    assert process.stdout is not None
    try:
        assert "open" in process.stdout.readline()
        yield
    finally:
        process.communicate("\n", timeout=60)


def test_a_reader_of_the_old_date_is_waited_for_and_named(held: HeldJob) -> None:
    """It is not told as another landing; the run after it has let go lands."""
    before = held.files()
    held.write_source()
    (name,) = (each for each in before if each.endswith(".orc"))
    with reading(held, name):
        code, said = held.orch(*HELD_RUN)
    assert code == 1, said
    assert held.files() == before
    _, _, status = held.row()
    told = f"{name} is open in another program (waited for 30 s); close it there and start"
    assert told in status, status
    assert "was not published, the old data is in place" in status
    assert "another landing" not in status
    log = max(held.machine.path(HOME).glob("logs/job_*.log")).read_text(encoding="utf-8")
    waits = "or a file in it, is open in another program: waiting for it"
    (began,) = (line for line in log.splitlines() if waits in line)
    assert "WARN  [framework.storage] " in began
    held.check_stopped(before, "Failed: ")
    held.check_lands_next(before)


def test_lines_that_orchestrator_and_job_write_at_once_are_whole(windows: WindowsMachine) -> None:
    """But for a few that Wine 8, which does not append as Windows does, writes over others."""
    code, said = orch(windows, "run", TALKS, "--biz-dt", DATES[0])
    assert code == 0, said
    assert log_rows(windows, TALKS) == [(DATES[0], None, "Completed")]
    log = max(windows.path(HOME).glob("logs/job_*.log")).read_text(encoding="utf-8")
    start = r"^\S+Z INFO  \[[^]]+\] "
    for word, sign in (("logged", "x"), ("printed", "y")):
        found = re.findall(rf"{start}{word} (\d+) {sign}{{80}}$", log, re.MULTILINE)
        whole = [int(number) for number in found]
        # In order, and none twice.
        assert whole == sorted(set(whole))
        assert len(whole) > 0.95 * LINES


def test_a_chain_lands_two_dates_in_one_run(windows: WindowsMachine) -> None:
    dates = [word for date in DATES for word in ("--biz-dt", date)]
    before = temporary(windows)
    code, said = orch(windows, "run", "wine_sys", *dates)
    assert code == 0, said
    assert log_rows(windows, PARENT) == [(date, 10, "Completed") for date in DATES]
    assert log_rows(windows, CHILD) == [(date, 1, "Completed") for date in DATES]
    # No folder of a landing is left, nor Spark's own.
    assert [path.name for path in windows.path(f"{DATA}/out").rglob("_landing")] == []
    assert temporary(windows) <= before


def test_a_statement_that_fails_is_named_by_its_file(windows: WindowsMachine) -> None:
    code, said = orch(windows, "run", BAD, "--biz-dt", DATES[0])
    assert code == 1, said
    [(_, count, status)] = log_rows(windows, BAD)
    assert count is None
    assert f"{BAD}.hql" in status, status
    assert "no_such_column" in status


def test_a_script_ends_with_a_code_of_its_own(windows: WindowsMachine) -> None:
    code, said = orch(windows, "run", EXIT, "--biz-dt", DATES[0])
    assert code == 1, said
    assert log_rows(windows, EXIT) == [(DATES[0], None, "Failed: exit code 3: LEAVES")]


def test_a_job_over_its_time_is_ended(windows: WindowsMachine) -> None:
    code, said = orch(windows, "run", SLOW, "--biz-dt", DATES[0])
    assert code == 1, said
    [(_, _, status)] = log_rows(windows, SLOW)
    assert status.startswith("Failed: timed out after 1 minute and was stopped"), said
    wait_until(lambda: not windows.processes(), "no process left", 60)
