"""The wait for locks of Dagster's SQLite files, when many runs write at once.

Missing: a setting of Dagster's run storage; it leaves the driver's 5 s. Buys: fifty runs that begin
at once end without "database is locked". Can go when the storage takes a timeout.
"""

from __future__ import annotations

import sqlite3

from sqlalchemy import event
from sqlalchemy.engine import Engine

# The driver's default.
_DEFAULT_MS = 5_000
_WAIT_MS = 60_000


def wait_for_sqlite_locks() -> None:
    """Let this process wait a minute for a lock of SQLite, in place of the driver's five seconds.

    A connection with another timeout keeps it.
    """
    if not event.contains(Engine, "connect", _set_busy_timeout):
        event.listen(Engine, "connect", _set_busy_timeout)


def _set_busy_timeout(connection: object, _record: object) -> None:
    if not isinstance(connection, sqlite3.Connection):
        return
    (timeout_ms,) = connection.execute("PRAGMA busy_timeout").fetchone()
    if timeout_ms == _DEFAULT_MS:
        connection.execute(f"PRAGMA busy_timeout = {_WAIT_MS}")
