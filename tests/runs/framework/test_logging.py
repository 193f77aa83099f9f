"""A log file that many processes write."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from orch_dagster.settings import REPOSITORY
from tests.unit.framework.test_logging import LINE

JOBS = REPOSITORY / "jobs"


def test_lines_of_many_processes_stay_whole(tmp_path: Path) -> None:
    log_file = tmp_path / "job.log"
    code = (
        "import sys; from framework import get_logger; log = get_logger(sys.argv[1])\n"
        "for i in range(500): log.info('%d %s', i, sys.argv[1] * 5000)"
    )
    env = {"PYTHONPATH": str(JOBS), "LOG_FILE": str(log_file), "SYSTEMROOT": "C:\\Windows"}
    writers = [subprocess.Popen([sys.executable, "-c", code, letter], env=env) for letter in "abcd"]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0, 0]
    seen: list[tuple[str, str]] = []
    for line in log_file.read_text().splitlines():
        match = LINE.fullmatch(line)
        assert match
        number, text = match[3].split(" ")
        assert text == match[2] * 5000
        seen.append((match[2], number))
    assert sorted(seen) == sorted((letter, str(i)) for letter in "abcd" for i in range(500))
