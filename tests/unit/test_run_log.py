"""One file that several processes write, each line whole."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from pathlib import Path

from orch_dagster.run_log import RunLog, run_log_path

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


def test_the_name_of_the_file_is_by_utc(tmp_path: Path) -> None:
    created = datetime(2024, 5, 15, 1, 2, 3, 999_999, tzinfo=timezone(timedelta(hours=8)))

    path = run_log_path(tmp_path, "0123456789abcdef", created)
    assert path == tmp_path / "job_2024-05-14_17-02-03_01234567.log"
