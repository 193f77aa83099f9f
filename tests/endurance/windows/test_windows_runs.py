"""A chain, a failure and a timeout on Windows, in a home with signs of other alphabets."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from tests.waiting import wait_until
from tests.windows_machine import BARE_FILES, WindowsMachine, windows_machine

pytestmark = [
    pytest.mark.spark,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(shutil.which("wine") is None, reason="wine is not installed"),
]

HOME = "hömé (1) ~x'"
DATES = ("2024-05-15", "2024-05-16")
PARENT, CHILD = "etl_lnd_wine_sys_t_parent", "etl_lnd_wine_sys_t_child"
BAD, SLOW = "etl_lnd_wine_bad_t_bad", "etl_lnd_wine_slow_t_slow"
# Waits to be ended; the JVM of its session lives as long.
SLOW_SCRIPT = """
import threading
from framework import get_spark

spark = get_spark()
print("WAITS", flush=True)
threading.Event().wait()
"""
HQL = {
    PARENT: "SELECT name, CAST(amount AS INT) amount, '${hivevar:biz_dt}' biz_dt FROM row1",
    CHILD: "SELECT sum(amount) amount, '${hivevar:biz_dt}' biz_dt FROM row1",
    BAD: "SELECT name,\n  no_such_column, '${hivevar:biz_dt}' biz_dt\nFROM row1",
}


def rows() -> dict[str, list[dict[str, Any]]]:
    csv = {"format": "csv", "path": "data/{biz_dt}.csv", "options": {"header": True}}
    landed = {"format": "orc", "path": "out/parent/biz_dt={biz_dt}"}

    def context(name: str, source: dict[str, Any]) -> str:
        sink = {
            "format": "orc",
            "path": f"out/{name[-6:].strip('_')}",
            "partition_cols": ["biz_dt"],
        }
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


@pytest.fixture(scope="module")
def windows() -> Iterator[WindowsMachine]:
    with windows_machine() as machine:
        home = machine.path(HOME)
        for folder in ("jobs", "hql", "data"):
            (home / folder).mkdir(parents=True)
        (home / "jobs/slow.py").write_text(SLOW_SCRIPT, encoding="utf-8")
        for name, text in HQL.items():
            (home / f"hql/{name}.hql").write_text(text, encoding="utf-8")
        for number, date in enumerate(DATES):
            lines = [f"n{each},{each + number}" for each in range(10)]
            text = "\n".join(["name,amount", *lines, ""])
            (home / f"data/{date}.csv").write_text(text, encoding="utf-8")
        (home / "rows.json").write_text(json.dumps(rows()), encoding="utf-8")
        code, said = machine.orch("init", home=HOME)
        assert code == 0, said
        code, said = machine.orch("apply", "rows.json", home=HOME)
        assert code == 0, said
        yield machine


def log_rows(machine: WindowsMachine, job_name: str) -> list[tuple[str, int | None, str]]:
    """biz_dt, row_count and status of a job's rows of execution_log, the oldest first."""
    with closing(sqlite3.connect(machine.path(f"{HOME}/.orch/control.db"))) as store:
        query = (
            "SELECT biz_dt, row_count, status FROM execution_log WHERE job_name = ? "
            "ORDER BY id, biz_dt"
        )
        return store.execute(query, (job_name,)).fetchall()


def test_a_chain_lands_two_dates_in_one_run(windows: WindowsMachine) -> None:
    dates = [word for date in DATES for word in ("--biz-dt", date)]
    code, said = windows.orch("run", "wine_sys", *dates, home=HOME)
    assert code == 0, said
    assert log_rows(windows, PARENT) == [(date, 10, "Completed") for date in DATES]
    assert log_rows(windows, CHILD) == [(date, 1, "Completed") for date in DATES]
    # No folder of a landing is left, nor Spark's own.
    assert [path.name for path in windows.path(f"{HOME}/out").rglob("_landing")] == []
    assert list((windows.drive / "users").rglob("Temp/orch-*")) == []


def test_a_statement_that_fails_is_named_by_its_file(windows: WindowsMachine) -> None:
    code, said = windows.orch("run", BAD, "--biz-dt", DATES[0], home=HOME)
    assert code == 1, said
    [(_, count, status)] = log_rows(windows, BAD)
    assert count is None
    assert f"{BAD}.hql" in status, status
    assert "no_such_column" in status


def test_a_job_over_its_time_is_ended(windows: WindowsMachine) -> None:
    code, said = windows.orch("run", SLOW, "--biz-dt", DATES[0], home=HOME)
    assert code == 1, said
    [(_, _, status)] = log_rows(windows, SLOW)
    assert status.startswith("Failed: timed out after 1 minute and was stopped"), said
    wait_until(lambda: not windows.processes(), "no process left", 60)
