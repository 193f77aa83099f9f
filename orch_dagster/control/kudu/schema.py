"""The control tables in Kudu's terms, and how one that is there differs from what is wanted."""

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

# The one table that grows is spread; of the others one tablet holds all.
HASH_BUCKETS: Mapping[str, int] = {EXECUTION_LOG.name: 4}

# As job_dependency was first declared: one parent a job.
ONE_PARENT_KEY = ("dependent_job_id", "dependent_job_name")


def replicas_for(tablet_servers: int, wanted: int | None) -> int:
    """How many replicas a new table gets: what is wanted, else 3 where 3 servers can hold them."""
    return wanted or (3 if tablet_servers >= 3 else 1)


def differences(table: Table, shape: TableShape) -> list[str]:
    """What of an existing table cannot be used: another key, another type; both are shown."""
    problems: list[str] = []
    if shape.keys != table.keys and not has_one_parent_key(table, shape):
        missing = [name for name in table.keys if name not in shape.types]
        why = f" (without the key column {', '.join(missing)})" if missing else ""
        problems.append(
            f"its key is ({', '.join(shape.keys)}){why}, wanted is ({', '.join(table.keys)})"
        )
    for column in table.columns:
        there = shape.types.get(column.name)
        if there not in (None, TYPES[column.kind]):
            problems.append(f"column {column.name} is {there}, wanted is {TYPES[column.kind]}")
    return problems


def has_one_parent_key(table: Table, shape: TableShape) -> bool:
    """Whether it is an older job_dependency, which is used as it is."""
    return table is JOB_DEPENDENCY and shape.keys == ONE_PARENT_KEY


def missing_columns(table: Table, shape: TableShape, wanted: Sequence[str]) -> list[str]:
    """Which of the wanted columns the existing table does not have."""
    return [name for name in table.names if name in wanted and name not in shape.types]
