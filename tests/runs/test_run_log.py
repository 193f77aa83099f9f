"""One file that several processes write, each line whole."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from orch_dagster.run_log import RunLog
from orch_dagster.settings import REPOSITORY
from tests.unit.test_run_log import lines


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
