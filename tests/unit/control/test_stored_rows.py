"""Rows that were written past every command: they are set aside, named, and can be removed."""

from __future__ import annotations

import sqlite3
from collections import Counter
from datetime import datetime

import pytest

from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import (
    JOB_MASTER,
    PROCESS_CONTROL,
    TABLES,
    Kind,
    Table,
)
from orch_dagster.settings import Settings
from tests.bad_rows import GOOD_ROWS, loosen, put_worst

_TYPES: dict[Kind, tuple[type, ...]] = {
    Kind.TEXT: (str,),
    Kind.DATE: (str,),
    Kind.INTEGER: (int,),
    Kind.DOUBLE: (float, int),
    Kind.TIMESTAMP: (datetime,),
}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_each_columns_worst_values_are_set_aside_and_can_be_removed(
    store: ControlStore, settings: Settings, table: Table
) -> None:
    control_db = settings.state_dir / "control.db"
    loosen(control_db)
    put = [*put_worst(control_db, table)]
    stored = store.read_stored(table)

    found = Counter(column for row in stored.bad for column, _ in row.problems)
    assert found == Counter(column for column, _, is_bad in put if is_bad)
    assert len(stored.rows) + len(stored.bad) == len(put)
    for row in stored.rows:
        for column in table.columns:
            value = row[column.name]
            assert value is None or isinstance(value, _TYPES[column.kind])
    assert store.read(table) == stored.rows
    # Named in a line of a bearable length, with nothing that a terminal obeys.
    assert all(len(str(row)) < 1_000 and str(row).isprintable() for row in stored.bad)

    handles = {row.handle for row in stored.bad}
    assert {row.handle for row in store.bad_rows(table)} == handles
    assert len(handles) == len(stored.bad)
    for row in stored.bad:
        assert store.remove_stored(row), str(row)
    assert store.bad_rows(table) == []
    assert store.read(table) == stored.rows


def test_a_row_is_judged_by_the_columns_that_are_read(
    store: ControlStore, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    store.upsert(PROCESS_CONTROL, [GOOD_ROWS["process_control"] | {"last_update_ts": None}])
    with sqlite3.connect(settings.state_dir / "control.db") as connection:
        connection.execute("UPDATE process_control SET end_dt = '0204-05-15'")
    assert store.read(PROCESS_CONTROL, columns=["biz_dt"]) == [{"biz_dt": "2024-05-15"}]
    assert caplog.messages == []
    for _ in range(2):
        assert store.read(PROCESS_CONTROL) == []
    assert caplog.messages == [
        "process_control (entity=BAD, source_system=ROWS, biz_dt=2024-05-15): set aside, as "
        "column end_dt: '0204-05-15' lies outside 1900-01-01 to 2200-12-31"
    ]


def test_a_window_may_end_at_a_time_of_its_last_day(
    store: ControlStore, settings: Settings
) -> None:
    """As runs have always read it, of a table that something else wrote."""
    store.upsert(PROCESS_CONTROL, [GOOD_ROWS["process_control"] | {"last_update_ts": None}])
    for end, is_taken in [
        ("2024-05-15T23:59:59Z", True),
        ("2024-05-15 23:59:59.999+08:00", True),
        ("", True),
        ("0204-05-15T23:59:59Z", False),
        ("2024-05-15T", False),
    ]:
        with sqlite3.connect(settings.state_dir / "control.db") as connection:
            connection.execute("UPDATE process_control SET end_dt = ?", [end])
        assert [row["end_dt"] for row in store.read(PROCESS_CONTROL)] == [end] * is_taken


def test_values_that_may_be_secret_are_not_shown(store: ControlStore, settings: Settings) -> None:
    store.upsert(JOB_MASTER, [GOOD_ROWS["job_master"]])
    with sqlite3.connect(settings.state_dir / "control.db") as connection:
        connection.execute("UPDATE job_master SET context_params = CAST('hunter2' AS BLOB)")
    (row,) = store.bad_rows(JOB_MASTER)
    assert row.reason == "column context_params: a binary value of 7 bytes is not text"
