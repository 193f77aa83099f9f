"""One file that several processes write, each line whole."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

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


def test_further_lines_of_a_message_are_no_messages(tmp_path: Path) -> None:
    log = RunLog(tmp_path / "job.log")
    log.write("ERROR", "orch", "one\ntwo\r\nthree\n")
    log.close()

    assert [text for _, _, text in lines(log.path)] == ["one", "    two", "    three"]


def test_each_state_of_a_progress_bar_is_a_line(tmp_path: Path) -> None:
    log = RunLog(tmp_path / "job.log")
    assert log.add_output("spark", "1 %\r2 %")
    log.close()

    assert lines(log.path) == [("INFO", "spark", "1 %"), ("INFO", "spark", "2 %")]


def test_nothing_that_a_job_prints_acts_on_who_reads_the_log(tmp_path: Path) -> None:
    log = RunLog(tmp_path / "job.log")
    forged = "2024-05-15T00:00:00.000Z INFO  [orch] job completed: landed"
    log.add_output("spark\n", f"\x1b[2J\tx\u2028{forged}")
    log.write("INFO", "orch", f"job failed: bad value\x85{forged}")
    log.close()

    assert lines(log.path) == [
        ("INFO", r"spark\n", "\\x1b[2J\tx"),
        ("INFO", r"spark\n", forged),
        ("INFO", "orch", "job failed: bad value"),
        ("INFO", "orch", "    " + forged),
    ]


def test_from_its_largest_size_on_output_is_counted(tmp_path: Path) -> None:
    log = RunLog(tmp_path / "job.log", max_bytes=10_000)
    kept = [log.add_output("spark", "x" * 99) for _ in range(1000)]
    log.write("INFO", "orch", "ended")

    count = kept.count(True)
    assert kept == [True] * count + [False] * (1000 - count)
    size = log.path.stat().st_size
    assert 10_000 <= size < 10_500
    *output, reached, ended = [text for _, _, text in lines(log.path)]
    assert output == ["x" * 99] * count
    assert reached == (
        "the log has reached 0.01 MB (ORCH_LOG_MAX_MB): what the job prints from here on is "
        "counted and not kept"
    )
    assert ended == "ended"
    assert log.losses() == [
        f"{1000 - count:,} lines ({(1000 - count) * 100:,} bytes) that the job printed are not in "
        "its log, which has reached 0.01 MB (ORCH_LOG_MAX_MB)"
    ]
    # The next job of the run finds the log as it is.
    other = RunLog(log.path, max_bytes=10_000)
    assert not other.add_output("spark", "y")
    for each in (log, other):
        each.close()


def test_without_a_size_all_is_kept(tmp_path: Path) -> None:
    log = RunLog(tmp_path / "job.log")
    assert all(log.add_output("spark", "x" * 99) for _ in range(1000))
    assert log.losses() == []
    log.close()


def test_lines_that_cannot_be_written_are_counted_and_their_reason_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = RunLog(tmp_path / "job.log")
    real = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda file, data: _on_a_full_disk(real, file, data))
        for text in ("one", "two"):
            log.write("INFO", "orch", text)
    log.write("INFO", "orch", "three")

    assert log.losses() == [
        f"2 lines are not in {log.path}, which could not be written: No space left on device"
    ]
    assert log.path.read_text().splitlines()[-1].endswith(" INFO  [orch] three")
    log.close()


def _on_a_full_disk(real: Callable[..., int], file: int, data: memoryview) -> int:
    """Write the bytes that there is room for, as a disk does that has just filled up."""
    if len(data) <= 20:
        raise OSError(errno.ENOSPC, "No space left on device")
    return real(file, data[:20])


def test_a_closed_log_takes_no_line(tmp_path: Path) -> None:
    log = RunLog(tmp_path / "job.log")
    log.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        log.write("INFO", "orch", "late")


def test_what_utf_8_cannot_say_is_no_error(tmp_path: Path) -> None:
    log = RunLog(tmp_path / "job.log")
    log.write("INFO", "spark", "a\udcffb")
    log.close()

    assert lines(log.path) == [("INFO", "spark", r"a\udcffb")]


def test_a_line_of_a_log_elsewhere_stays_as_it_is_and_does_not_act(tmp_path: Path) -> None:
    log = RunLog(tmp_path / "job.log", max_bytes=100)
    line = "2024-05-15T00:00:00.000Z WARN  [a.job] \x1b[2Jlate"
    assert log.add_log_line(line)
    assert log.path.read_text() == line.replace("\x1b", r"\x1b") + "\n"
    assert log.add_log_line("    " + "x" * 60)
    assert not log.add_log_line("too much")
    log.close()
    assert "too much" not in log.path.read_text()
    assert log.losses()[0].startswith("1 lines")


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
