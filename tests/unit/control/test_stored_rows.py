"""Rows that were written past every command: they are set aside, named, and can be removed."""

from __future__ import annotations

import sqlite3
from collections import Counter
from datetime import datetime

import pytest

from orch_dagster.control.store import ControlStore
from orch_dagster.control.stored_rows import row_judge
from orch_dagster.control.tables import (
    JOB_MASTER,
    PROCESS_CONTROL,
    TABLES,
    Kind,
    Table,
    row_problems,
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
        connection.execute("UPDATE process_control SET end_dt = '2023-02-29'")
    assert store.read(PROCESS_CONTROL, columns=["biz_dt"]) == [{"biz_dt": "2024-05-15"}]
    assert caplog.messages == []
    for _ in range(2):
        assert store.read(PROCESS_CONTROL) == []
    assert caplog.messages == [
        "process_control (entity=BAD, source_system=ROWS, biz_dt=2024-05-15): set aside, as "
        "column end_dt: '2023-02-29' is not a date such as 2024-05-15"
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
        ("0001-01-01", True),
        ("9999-12-31", True),
        ("9999-12-31T23:59:59Z", True),
        ("9999-12-32", False),
        ("0000-01-01", False),
        ("2023-02-29T23:59:59Z", False),
        ("2024-05-15T", False),
    ]:
        with sqlite3.connect(settings.state_dir / "control.db") as connection:
            connection.execute("UPDATE process_control SET end_dt = ?", [end])
        assert [row["end_dt"] for row in store.read(PROCESS_CONTROL)] == [end] * is_taken


def test_apply_accepts_of_dates_what_load_accepts() -> None:
    row = GOOD_ROWS["process_control"] | {"last_update_ts": None}
    judge = row_judge(PROCESS_CONTROL, PROCESS_CONTROL.names)
    for day, any_year, is_business in [
        ("9999-12-31", True, False),
        ("0001-01-01", True, False),
        ("2024-05-15", True, True),
        ("9999-12-32", False, False),
    ]:
        for name, is_taken in [
            ("start_dt", any_year),
            ("end_dt", any_year),
            ("biz_dt", is_business),
        ]:
            with_day = {**row, name: day}
            assert (judge(with_day) is None) is is_taken
            assert ([*row_problems(PROCESS_CONTROL, with_day)] == []) is is_taken


def test_values_that_may_be_secret_are_not_shown(store: ControlStore, settings: Settings) -> None:
    store.upsert(JOB_MASTER, [GOOD_ROWS["job_master"]])
    with sqlite3.connect(settings.state_dir / "control.db") as connection:
        connection.execute("UPDATE job_master SET context_params = CAST('hunter2' AS BLOB)")
    (row,) = store.bad_rows(JOB_MASTER)
    assert row.reason == "column context_params: a binary value of 7 bytes is not text"
