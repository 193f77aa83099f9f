"""The first form of job_dependency, whose key allows one parent a job."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from orch_dagster.control.tables import JOB_DEPENDENCY, Value
from orch_dagster.errors import PermanentStoreError


def refuse_second_parents(
    existing: Iterable[Mapping[str, Value]],
    rows: Iterable[Mapping[str, Value]],
    keys: Sequence[str],
    *,
    replace: bool,
    store: str,
) -> None:
    """Refuse rows that would give a job a second parent where the key allows one.

    Args:
        existing: The rows of the table, null parents read as ''.
        rows: The rows to be written.
        keys: The key that the table has.
        replace: Whether an existing row would be replaced; else it would be kept.
        store: The store's address, for the message.

    Raises:
        PermanentStoreError: If a job would get a second parent; it names both.
    """
    parents: dict[tuple[Value, ...], Value] = {
        tuple(row[name] for name in keys): row["parent_job_id"] for row in existing
    }
    for row in rows:
        key = tuple(row[name] for name in keys)
        parent = parents.setdefault(key, row["parent_job_id"])
        if replace and parent == "":
            # A root gets its first parent here, not a second one.
            parent = parents[key] = row["parent_job_id"]
        if parent != row["parent_job_id"]:
            raise PermanentStoreError(
                f"its key ({', '.join(keys)}) allows one parent a job: "
                f"{row['dependent_job_id']} has {parent or 'none'}, so "
                f"{row['parent_job_id'] or 'none'} can't be added; "
                f"recreate the table with the key ({', '.join(JOB_DEPENDENCY.keys)})",
                store=store,
                table=JOB_DEPENDENCY.name,
            )
