"""Patience with the locks of Dagster's embedded storage, where many runs write at once."""

from __future__ import annotations

import sqlite3

from sqlalchemy import event
from sqlalchemy.engine import Engine

# What Python's driver waits where nobody says otherwise, as Dagster does not for its runs.
_DEFAULT_MS = 5_000
_PATIENCE_MS = 60_000


def wait_for_sqlite_locks() -> None:
    """Let this process wait a minute for a lock of SQLite, in place of the driver's five seconds.

    Fifty runs that begin at once on two cores stand in line for longer than that, and would end by
    "database is locked". Whoever set a time of his own keeps it.
    """
    if not event.contains(Engine, "connect", _be_patient):
        event.listen(Engine, "connect", _be_patient)


def _be_patient(connection: object, _record: object) -> None:
    if not isinstance(connection, sqlite3.Connection):
        return
    (waits_ms,) = connection.execute("PRAGMA busy_timeout").fetchone()
    if waits_ms == _DEFAULT_MS:
        connection.execute(f"PRAGMA busy_timeout = {_PATIENCE_MS}")
