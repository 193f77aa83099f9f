"""A preview of a tick, as Dagit and GraphQL ask for it: it writes nothing anywhere."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster_graphql.test.utils import execute_dagster_graphql

from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import SYS_PARAMS, TABLES
from orch_dagster.settings import load_settings
from tests.code_location import add_jobs, open_date, schedule_param
from tests.dagster_daemon import LOCATION, Daemon, daemon

SCHEDULE = """
mutation ($selector: ScheduleSelector!, $timestamp: Float) {
  scheduleDryRun(selectorData: $selector, timestamp: $timestamp) {
    __typename
    ... on DryRunInstigationTick { evaluationResult { ...result } }
  }
}"""
SENSOR = """
mutation ($selector: SensorSelector!, $cursor: String) {
  sensorDryRun(selectorData: $selector, cursor: $cursor) {
    __typename
    ... on DryRunInstigationTick { evaluationResult { ...result } }
  }
}"""
RESULT = """
fragment result on TickEvaluation {
  runRequests { runKey tags { key value } }
  skipReason
  cursor
  error { message }
}"""


def dry_run(dagster: Daemon, query: str, name: str, **variables: object) -> dict[str, Any]:
    kind = "schedule" if query is SCHEDULE else "sensor"
    selector = {
        "repositoryLocationName": LOCATION,
        "repositoryName": "orch_dagster",
        f"{kind}Name": name,
    }
    answer = execute_dagster_graphql(
        dagster.request_context(), query + RESULT, {"selector": selector, **variables}
    )
    result = answer.data[f"{kind}DryRun"]["evaluationResult"]
    assert result["error"] is None, result["error"]
    return result


def everything(dagster: Daemon, store: ControlStore) -> dict[str, object]:
    """All rows of the control tables and of Dagster's, and the names of all other files."""
    held: dict[str, object] = {table.name: store.read(table) for table in TABLES}
    folders = (Path(dagster.instance.root_directory), load_settings().home)
    for path in sorted(path for folder in folders for path in folder.rglob("*")):
        if path.suffix == ".db":
            held[str(path)] = tables_of(path)
        elif not path.name.endswith(("-wal", "-shm", "-journal")):
            held[str(path)] = path.stat().st_size if path.is_file() else None
    return held


def tables_of(path: Path) -> dict[str, list[object]]:
    with closing(sqlite3.connect(path)) as connection:
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return {name: connection.execute(f"SELECT * FROM {name}").fetchall() for (name,) in names}


def dates_asked(result: dict[str, Any]) -> list[str]:
    tags = [tag for request in result["runRequests"] or [] for tag in request["tags"]]
    return [tag["value"] for tag in tags if tag["key"] == "dagster/partition"]


@pytest.fixture
def busy(store: ControlStore) -> ControlStore:
    """Work for every schedule and sensor: a missed date, a waiting job, a reprocess_dt."""
    add_jobs(store, "FPMS", {"first": [], "second": ["first"], "apart": [], "merged": ["other"]})
    add_jobs(store, "OTHER", {"other": ["second"]})
    store.upsert(
        SYS_PARAMS,
        [schedule_param("cron", "0 4 * * *", "apart"), schedule_param("catchup", "0")],
    )
    open_date(store, "FPMS", "2024-05-13", reprocess_dt="2024-05-14")
    open_date(store, "OTHER", "2024-05-14")
    return store


@pytest.mark.parametrize(
    ("at", "biz_dt"),
    [(datetime(2024, 5, 16, 1), "2024-05-15"), (datetime(2124, 5, 18, 1), "2124-05-17")],
    ids=["past", "ahead"],
)
def test_no_preview_writes_anything(busy: ControlStore, at: datetime, biz_dt: str) -> None:
    with daemon() as dagster:
        run = dagster.instance.create_run_for_job(
            dg.JobDefinition(name="any", graph_def=dg.GraphDefinition(name="any")),
            tags={"dagster/partition": "2024-05-13"},
        )
        dagster.instance.report_run_failed(run, "ended")
        schedules = [each.name for each in dagster.repository.get_schedules()]
        sensors = [each.name for each in dagster.repository.get_sensors()]
        assert len(schedules) >= 3
        assert {"execution_log", "reprocess", "waiting_jobs"} <= {*sensors}
        timestamp = at.replace(tzinfo=timezone.utc).timestamp()
        before = everything(dagster, busy)
        asked = {n: dry_run(dagster, SCHEDULE, n, timestamp=timestamp) for n in schedules}
        told = {name: dry_run(dagster, SENSOR, name, cursor=None) for name in sensors}
        assert everything(dagster, busy) == before
        assert dates_asked(asked["gels_fpms_by_biz_dt"]) == [biz_dt]
        assert told["execution_log"]["cursor"] is None
        assert "1 runs have ended" in told["execution_log"]["skipReason"]
        assert dates_asked(told["reprocess"]) == ["2024-05-13"]


def test_the_daemon_s_own_tick_writes(busy: ControlStore) -> None:
    with daemon() as dagster:
        dagster.start_schedules()
        before = everything(dagster, busy)
        dagster.schedules()
        assert dagster.faults() == []
        after = everything(dagster, busy)
    assert len(after["process_control"]) > len(before["process_control"])  # type: ignore[arg-type]
