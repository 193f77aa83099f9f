"""Rows that no command writes: each column's worst values, put into an embedded store by SQL."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from framework.contract.business_dates import WINDOW
from orch_dagster.control.tables import (
    EXECUTION_LOG,
    JOB_DEPENDENCY,
    JOB_MASTER,
    PROCESS_CONTROL,
    SYS_PARAMS,
    TABLES,
    Kind,
    Table,
)

_CONTEXT = json.dumps({"entity": "BAD", "source_system": "ROWS"})

# A whole row of each table, whose values are good one by one.
GOOD_ROWS: dict[str, dict[str, object]] = {
    JOB_MASTER.name: {
        "job_id": "B", "job_name": "b", "context_params": _CONTEXT, "script_path": "landing.py",
        "comments": "A job.",
    },
    PROCESS_CONTROL.name: {
        "entity": "BAD", "source_system": "ROWS", "biz_dt": "2024-05-15",
        "start_dt": "2024-05-15", "end_dt": "2024-05-15", "process_dt": "2024-05-16",
        "reprocess_dt": "2024-05-16", "business_keys": "a", "compare_cols": "b", "run_id": "r",
        "last_update_ts": 1_715_731_200_000_000,
    },
    JOB_DEPENDENCY.name: {
        "dependent_job_id": "B", "dependent_job_name": "b", "parent_job_id": "",
        "parent_job_name": "", "dependency_level": 0,
    },
    SYS_PARAMS.name: {
        "param_key": "spark.b", "environment": "DEV", "key_name": "*", "param_value": "1",
        "param_type": "spark",
    },
    EXECUTION_LOG.name: {
        "id": "1_b", "job_id": "B", "job_name": "b", "run_id": "r", "biz_dt": "2024-05-15",
        "spark_app_id": "a", "status": "Completed", "start_time": 1_715_731_200_000_000,
        "end_time": 1_715_731_201_000_000, "duration": 1.0, "attempts": 1, "error_message": "",
    },
}  # fmt: skip

# An expression of SQL, and the kinds of columns that can't have what it leaves in one: SQLite turns
# numbers into text in a column of texts, and texts of digits into numbers in one of numbers.
_NUMBERS = (Kind.INTEGER, Kind.DOUBLE, Kind.TIMESTAMP)
_TEXTS = (Kind.TEXT, Kind.DATE)
WORST: dict[str, tuple[str, tuple[Kind, ...]]] = {
    "bytes": ("X'FF00FE'", (*_TEXTS, *_NUMBERS)),
    "no bytes": ("X''", (*_TEXTS, *_NUMBERS)),
    "1 MiB of bytes": ("zeroblob(1048576)", (*_TEXTS, *_NUMBERS)),
    "1 MiB of text": ("printf('%.*c', 1048576, 'x')", (*_TEXTS, *_NUMBERS)),
    "not UTF-8": ("CAST(X'61FF62' AS TEXT)", (*_TEXTS, *_NUMBERS)),
    "a NUL": ("'a' || char(0) || 'b'", (*_TEXTS, *_NUMBERS)),
    "half a character": ("CAST(X'EDA080' AS TEXT)", (*_TEXTS, *_NUMBERS)),
    "signs for terminals": (
        "char(27) || '[2J' || char(10, 13, 8238) || ':key:'", (Kind.DATE, *_NUMBERS),
    ),
    "2^63": ("9223372036854775808", (Kind.DATE, Kind.INTEGER, Kind.TIMESTAMP)),
    "2^63 - 1": ("9223372036854775807", (Kind.DATE, Kind.TIMESTAMP)),
    "-2^63": ("-9223372036854775808", (Kind.DATE, Kind.TIMESTAMP)),
    "infinite": ("9e999", (Kind.DATE, *_NUMBERS)),
    "a fraction": ("0.5", (Kind.DATE, Kind.INTEGER, Kind.TIMESTAMP)),
    "null": ("NULL", ()),
    "no text": ("''", (Kind.DATE, *_NUMBERS)),
    "brackets": ("printf('%.*c', 60000, '[')", (Kind.DATE, *_NUMBERS)),
    "digits": ("printf('%.*c', 60000, '9')", (Kind.DATE, *_NUMBERS)),
    "before 1900": ("'0204-05-15'", (Kind.DATE, *_NUMBERS)),
    "after 2200": ("'9999-12-31'", (Kind.DATE, *_NUMBERS)),
    "not a day": ("'2023-02-29'", (Kind.DATE, *_NUMBERS)),
    "digits of another script": ("'２０２４-05-15'", (Kind.DATE, *_NUMBERS)),
}  # fmt: skip

# Texts in these are left to what reads them, which names those that are not dates.
_STAMPS = ("process_dt", "reprocess_dt")
_ONLY_BINARY = ("bytes", "no bytes", "1 MiB of bytes", "1 MiB of text", "not UTF-8", "a NUL",
                "half a character")  # fmt: skip


def loosen(control_db: Path) -> None:
    """Make the tables as somebody else may have made them: no NOT NULL, and no rows."""
    with sqlite3.connect(control_db) as connection:
        for table in TABLES:
            numbers = {Kind.INTEGER: "BIGINT", Kind.TIMESTAMP: "BIGINT", Kind.DOUBLE: "DOUBLE"}
            columns = [f"{each.name} {numbers.get(each.kind, 'TEXT')}" for each in table.columns]
            key = f"PRIMARY KEY ({', '.join(table.keys)})"
            connection.execute(f"DROP TABLE {table.name}")
            connection.execute(f"CREATE TABLE {table.name} ({', '.join(columns)}, {key})")


def put_worst(
    control_db: Path, table: Table, *, null_keys: bool = True
) -> Iterator[tuple[str, str, bool]]:
    """Put a row for each column of a table and each of the worst values.

    Args:
        control_db: The embedded store.
        table: The table.
        null_keys: Whether its keys may be null, as `loosen` makes them.

    Yields:
        The column, the value's name, and whether the row must be set aside.
    """
    with sqlite3.connect(control_db) as connection:
        for column in table.columns:
            for name, (sql, kinds) in WORST.items():
                if name == "null" and column.key and not null_keys:
                    continue
                row = {**GOOD_ROWS[table.name], **_own_key(table, f"{column.name} {name}")}
                if table.name == JOB_MASTER.name:
                    row["job_name"] = f"b_{abs(hash((column.name, name)))}"
                names = [each for each in row if each != column.name]
                marks = ", ".join(["?"] * len(names))
                connection.execute(
                    f"INSERT INTO {table.name} ({column.name}, {', '.join(names)}) "
                    f"VALUES ({sql}, {marks})",
                    [row[each] for each in names],
                )
                is_bad = column.kind in kinds or (name == "null" and column.key)
                if column.name in _STAMPS:
                    is_bad = name in _ONLY_BINARY
                if column.name in WINDOW and name in ("no text", "before 1900", "after 2200"):
                    is_bad = False
                if table is JOB_DEPENDENCY and name == "null" and column.name != "dependent_job_id":
                    is_bad = False
                yield column.name, name, is_bad


def _own_key(table: Table, text: str) -> dict[str, object]:
    """A key that no other row has, by the first column whose texts are free, or two of them."""
    if table is PROCESS_CONTROL:
        return {"entity": f"E {text}", "source_system": f"S {text}"}
    return {name: f"{name} {text}" for name in table.keys[:2]}
