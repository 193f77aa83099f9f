"""A run's events, past what Dagster does to each file of events that it opens."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from json import JSONDecodeError
from pathlib import Path
from typing import TYPE_CHECKING

from dagster import EventLogEntry
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._serdes import deserialize_values
from dagster_shared.serdes.errors import DeserializationError

if TYPE_CHECKING:
    from dagster import DagsterEventType, DagsterInstance


def events_of_run(
    instance: DagsterInstance, run_id: str, kinds: set[DagsterEventType]
) -> Sequence[EventLogEntry]:
    """The run's events of these kinds, oldest first, as DagsterInstance.all_logs has them.

    On SQLite each run has a file of its own. Before an instance reads one for the first time, it
    loads all migrations of the schema, in about 30 ms, and a sensor's instance lives for one tick.
    Here the file is just read.
    """
    storage = instance.event_log_storage
    if isinstance(storage, SqliteEventLogStorage):
        # No file, or one that is not as we know it: Dagster copes, or says what is wrong.
        with suppress(sqlite3.Error, JSONDecodeError, DeserializationError):
            return _read(Path(storage.path_for_shard(run_id)), run_id, kinds)
    return instance.all_logs(run_id, of_type=kinds)


def _read(path: Path, run_id: str, kinds: set[DagsterEventType]) -> Sequence[EventLogEntry]:
    query = (
        "SELECT event FROM event_logs WHERE run_id = ? "
        f"AND dagster_event_type IN ({', '.join('?' * len(kinds))}) ORDER BY id"
    )
    # mode=rw makes no file, and as the last reader leaves no -wal behind, unlike mode=ro.
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True)) as connection:
        found = connection.execute(query, (run_id, *(kind.value for kind in kinds)))
        return deserialize_values((text for (text,) in found), EventLogEntry)
