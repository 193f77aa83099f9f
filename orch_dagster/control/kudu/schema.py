"""The control tables in Kudu's terms, and the differences of existing tables from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from orch_dagster.control.kudu.driver import TableShape
from orch_dagster.control.tables import EXECUTION_LOG, JOB_DEPENDENCY, Kind, Table

TYPES: Mapping[Kind, str] = {
    Kind.TEXT: "STRING",
    Kind.DATE: "STRING",
    Kind.INTEGER: "INT64",
    Kind.DOUBLE: "DOUBLE",
    Kind.TIMESTAMP: "UNIXTIME_MICROS",
}

# execution_log alone grows, so it is partitioned; one tablet holds each of the others.
HASH_BUCKETS: Mapping[str, int] = {EXECUTION_LOG.name: 4}

# The key with which job_dependency was first declared: it allows one parent a job.
ONE_PARENT_KEY = ("dependent_job_id", "dependent_job_name")


def replicas_for(tablet_servers: int, wanted: int | None) -> int:
    """Return the replicas of a new table: those wanted, else 3 if 3 servers can hold them."""
    return wanted or (3 if tablet_servers >= 3 else 1)


def differences(table: Table, shape: TableShape) -> list[str]:
    """Return why an existing table can't be used: another key, or columns of another type."""
    problems: list[str] = []
    if shape.keys != table.keys and not has_one_parent_key(table, shape):
        missing = [name for name in table.keys if name not in shape.types]
        without = f" (without the key column {', '.join(missing)})" if missing else ""
        problems.append(
            f"its key is ({', '.join(shape.keys)}){without}, wanted is ({', '.join(table.keys)})"
        )
    for column in table.columns:
        existing = shape.types.get(column.name)
        if existing not in (None, TYPES[column.kind]):
            problems.append(f"column {column.name} is {existing}, wanted is {TYPES[column.kind]}")
    return problems


def has_one_parent_key(table: Table, shape: TableShape) -> bool:
    """Return whether it is a job_dependency with the older key, which is used unchanged."""
    return table is JOB_DEPENDENCY and shape.keys == ONE_PARENT_KEY


def missing_columns(table: Table, shape: TableShape, wanted: Sequence[str]) -> list[str]:
    """Return the wanted columns that the existing table lacks."""
    return [name for name in table.names if name in wanted and name not in shape.types]
