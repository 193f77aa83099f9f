from __future__ import annotations

import logging
from datetime import datetime, timedelta, timezone
from pathlib import Path

from framework.contract.log_line import format_line
from framework.logging import LineFormatter
from orch_dagster.run_log import RunLog


def test_a_line_is_in_utc_and_its_milliseconds_are_cut() -> None:
    at = datetime(2024, 1, 1, 0, 30, 5, 999_999, tzinfo=timezone(timedelta(hours=2)))
    assert format_line(at, "WARN", "spark", "a b") == "2023-12-31T22:30:05.999Z WARN  [spark] a b"
    assert format_line(at, "ERROR", "x.y", "") == "2023-12-31T22:30:05.999Z ERROR [x.y] "


def test_the_orchestrator_and_a_job_write_the_same_form(tmp_path: Path) -> None:
    log = RunLog(tmp_path / "job.log")
    log.write("INFO", "orch", "text")
    log.close()
    written = log.path.read_text(encoding="utf-8")
    record = logging.makeLogRecord(
        {"name": "orch", "msg": "text", "levelname": "INFO", "created": 1_715_731_200.5}
    )
    of_job = LineFormatter().format(record)
    assert of_job == "2024-05-15T00:00:00.500Z INFO  [orch] text"
    assert written[len("2024-05-15T00:00:00.500Z") :] == of_job[24:] + "\n"
