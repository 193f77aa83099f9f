"""One file that several processes write, each line whole."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path

from orch_dagster.run_log import RunLog, run_log_path
from orch_dagster.settings import REPOSITORY

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (\w+) +\[(.+?)\] (.*)")


def lines(path: Path) -> list[tuple[str, ...]]:
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        match = LINE.fullmatch(line)
        assert match, line
        found.append(match.groups())
    return found


def test_a_line_says_when_who_and_what(tmp_path: Path) -> None:
    log = RunLog(tmp_path / "made" / "job.log")
    before = datetime.now(timezone.utc).replace(microsecond=0)
    log.write("INFO", "orch", "é {braces} %s")
    log.write("WARN", "spark", "")
    log.close()

    assert lines(log.path) == [("INFO", "orch", "é {braces} %s"), ("WARN", "spark", "")]
    first = datetime.fromisoformat(log.path.read_text(encoding="utf-8")[:19] + "+00:00")
    assert before <= first <= datetime.now(timezone.utc)


def test_each_line_of_a_text_is_a_line(tmp_path: Path) -> None:
    log = RunLog(tmp_path / "job.log")
    log.write("ERROR", "spark", "one\ntwo\r\nthree\n")
    log.close()

    assert [text for _, _, text in lines(log.path)] == ["one", "two", "three"]


def test_what_utf_8_cannot_say_is_no_error(tmp_path: Path) -> None:
    log = RunLog(tmp_path / "job.log")
    log.write("INFO", "spark", "a\udcffb")
    log.close()

    assert lines(log.path) == [("INFO", "spark", "a?b")]


def test_an_old_file_is_added_to(tmp_path: Path) -> None:
    for text in ("one", "two"):
        log = RunLog(tmp_path / "job.log")
        log.write("INFO", "orch", text)
        log.close()

    assert [text for _, _, text in lines(tmp_path / "job.log")] == ["one", "two"]


def length_of(n: int) -> int:
    """Most lines are long, some very long."""
    return 100_000 if n % 50 == 0 else 3_000


# The orchestrator's way to write, and the job's.
OURS = """
from orch_dagster.run_log import RunLog
log = RunLog(Path(sys.argv[1]))
def write(text): log.write("INFO", sys.argv[2], text)
"""
THE_JOBS = """
os.environ["LOG_FILE"] = sys.argv[1]
from framework import get_logger
write = get_logger(sys.argv[2]).info
"""


def test_processes_and_threads_never_mix_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "job.log"
    program = """
print("ready", flush=True)
sys.stdin.readline()
for n in range(300):
    write(f"{n} " + sys.argv[2] * (100_000 if n % 50 == 0 else 3_000))
"""
    head = "import os, sys\nfrom pathlib import Path\n"
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", head + begin + program, str(path), name],
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY / "jobs")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name, begin in zip("abcd", [OURS, THE_JOBS, THE_JOBS, OURS], strict=True)
    ]
    own = RunLog(path)
    try:
        for writer in writers:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "ready\n"
        for writer in writers:
            assert writer.stdin is not None
            writer.stdin.write("go\n")
            writer.stdin.flush()
        with ThreadPoolExecutor(2) as pool:
            for name in "xy":
                for n in range(300):
                    pool.submit(own.write, "INFO", name, f"{n} " + name * length_of(n))
        assert [writer.wait(60) for writer in writers] == [0, 0, 0, 0]
    finally:
        own.close()
        for writer in writers:
            writer.kill()
            writer.communicate()

    found = lines(path)
    assert Counter(name for _, name, _ in found) == dict.fromkeys("abcdxy", 300)
    for _, name, text in found:
        n, _, rest = text.partition(" ")
        assert rest == name * length_of(int(n))


def test_the_name_of_the_file_is_by_utc(tmp_path: Path) -> None:
    created = datetime(2024, 5, 15, 1, 2, 3, 999_999, tzinfo=timezone(timedelta(hours=8)))

    path = run_log_path(tmp_path, "0123456789abcdef", created)
    assert path == tmp_path / "job_2024-05-14_17-02-03_01234567.log"
