"""The engines of Dagster's SQLite files: kept, with a connection of its own for each use."""

from __future__ import annotations

from pathlib import Path

import pytest
from dagster import DagsterInstance
from sqlalchemy import event
from sqlalchemy.engine import Engine

from orch_dagster.defs.dagster_internals import sqlite_engines
from orch_dagster.defs.dagster_internals.sqlite_engines import keep_sqlite_engines


def test_an_engine_a_file_and_a_connection_a_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_sqlite_engines()
    made: list[str] = []
    connected: list[object] = []
    create = sqlite_engines.create_engine

    def noted(url: str, **options: object) -> Engine:
        engine = create(url, **options)
        event.listen(engine, "connect", lambda connection, _: connected.append(connection))
        made.append(url)
        return engine

    monkeypatch.setattr(sqlite_engines, "create_engine", noted)
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        before = len(connected)
        for number in range(8):
            instance.report_engine_event(f"event {number}", run_id="a", job_name="j")
        instance.report_engine_event("event", run_id="b", job_name="j")
        assert len(instance.all_logs("a")) == 8
        assert len(instance.all_logs("b")) == 1
    assert len(made) == len(set(made)) <= 5
    assert len({id(connection) for connection in connected}) > 1
    assert len(connected) - before > 9
