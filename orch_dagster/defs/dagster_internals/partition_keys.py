"""The keys of dynamic partitions: of many definitions at once, and in an order of ours.

Missing: a public way to put a key before others, as Dagster keeps keys in the order of insertion,
or to replace keys in one step. Buys: an older date that is opened late stands before the newer
ones, so that "Latest" is the newest, and nobody sees the dates without some of them meanwhile. Can
go when DagsterInstance takes the order of its keys.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from dagster._core.storage.event_log.schema import DynamicPartitionsTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from sqlalchemy import delete, insert, select, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

if TYPE_CHECKING:
    from dagster import DagsterInstance

_COLUMNS = DynamicPartitionsTable.c
_NAMES_A_QUERY = 500
_TRIES = 3


def read_partition_keys(
    instance: DagsterInstance, names: Collection[str]
) -> dict[str, Sequence[str]]:
    """Return the keys of each definition, in order."""
    storage = instance.event_log_storage
    if not isinstance(storage, SqlEventLogStorage):
        return {name: instance.get_dynamic_partitions(name) for name in names}
    keys: dict[str, list[str]] = {name: [] for name in names}
    listed = list(keys)
    # One call, for the check that the table is there.
    storage.has_dynamic_partition("", "")
    with storage.index_connection() as connection:
        for start in range(0, len(listed), _NAMES_A_QUERY):
            query = (
                select(_COLUMNS.partitions_def_name, _COLUMNS.partition)
                .where(_COLUMNS.partitions_def_name.in_(listed[start : start + _NAMES_A_QUERY]))
                .order_by(_COLUMNS.id)
            )
            for name, key in connection.execute(query):
                keys[name].append(key)
    return {name: keys[name] for name in names}


def change_partition_keys(
    instance: DagsterInstance, name: str, change: Callable[[Sequence[str]], Sequence[str]]
) -> None:
    """Replace the keys of a definition in one transaction, those that stay in place untouched.

    Args:
        instance: The instance.
        name: The definition's name.
        change: Returns the new keys, in order, for the present ones; may be called again.
    """
    storage = instance.event_log_storage
    if not isinstance(storage, SqlEventLogStorage):
        _change_one_by_one(instance, name, change)
        return
    for tries_left in reversed(range(_TRIES)):
        try:
            with storage.index_transaction() as connection:
                _change(connection, name, change)
                return
        except IntegrityError:
            # Another process wrote the same key meanwhile.
            if not tries_left:
                raise


def _change(
    connection: Connection, name: str, change: Callable[[Sequence[str]], Sequence[str]]
) -> None:
    of_name = _COLUMNS.partitions_def_name == name
    if connection.dialect.name == "postgresql":
        # Other writers wait until the end, and readers don't.
        lock = f"LOCK TABLE {DynamicPartitionsTable.name} IN SHARE ROW EXCLUSIVE MODE"
        connection.execute(text(lock))
    # By a write first, though of nothing, SQLite lets no other write in until the end.
    connection.execute(delete(DynamicPartitionsTable).where(of_name, _COLUMNS.partition == ""))
    query = select(_COLUMNS.id, _COLUMNS.partition).where(of_name).order_by(_COLUMNS.id)
    rows = connection.execute(query).all()
    present = [str(row[1]) for row in rows]
    wanted = list(change(present))
    kept = len(list(takewhile(lambda pair: pair[0] == pair[1], zip(present, wanted, strict=False))))
    if kept < len(rows):
        # Not what another process added after these.
        moved = _COLUMNS.id.between(rows[kept][0], rows[-1][0])
        connection.execute(delete(DynamicPartitionsTable).where(of_name, moved))
    if kept < len(wanted):
        added: list[dict[str, Any]] = [
            {"partitions_def_name": name, "partition": key} for key in wanted[kept:]
        ]
        connection.execute(insert(DynamicPartitionsTable), added)


def _change_one_by_one(
    instance: DagsterInstance, name: str, change: Callable[[Sequence[str]], Sequence[str]]
) -> None:
    """Add and delete keys through a storage that is not SQL, which keeps an order of its own."""
    present = instance.get_dynamic_partitions(name)
    wanted = list(change(present))
    for key in sorted(set(present) - set(wanted)):
        instance.delete_dynamic_partition(name, key)
    if added := [key for key in wanted if key not in set(present)]:
        instance.add_dynamic_partitions(name, added)
