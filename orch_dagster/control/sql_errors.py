"""Turn SQLAlchemy's errors into store errors: transient or permanent, with a remedy."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import exc

from orch_dagster.errors import (
    MissingTableError,
    PermanentStoreError,
    StoreError,
    TransientStoreError,
)
from orch_dagster.files import write_fault

_CREATE = "run `orch init`, which creates what is missing"

# Permanent errors by their text, with the remedy: the connection errors of psycopg and sqlite3
# carry no code.
_PERMANENT = (
    (
        ("no such table", "no such column", "unable to open database"),
        _CREATE,
    ),
    (
        ("password authentication failed", "no password supplied", "no pg_hba.conf entry"),
        "correct user and password in ORCH_CONTROL_URL",
    ),
    (('role "',), "create that user in Postgres, or name another in ORCH_CONTROL_URL"),
    (('database "',), "create that database in Postgres, or name another in ORCH_CONTROL_URL"),
    (("does not exist",), _CREATE),
    (("readonly database", "read-only transaction"), "give this user the right to write there"),
    (("disk is full", "No space left", "could not extend file"), "free space on its disk"),
)


# SQLite's words for a file, or one beside it, that can't be written, whatever the reason.
_FILE_SIGNS = ("unable to open database", "disk I/O error", "disk is full", "readonly database")


def explained(
    error: exc.SQLAlchemyError, store: str, table: str | None, folder: Path | None = None
) -> StoreError:
    """Return the store error for an error of SQLAlchemy, with its remedy.

    Args:
        error: The error that SQLAlchemy raised.
        store: The store's address, without its password.
        table: The table in question, or None.
        folder: The folder of an embedded store, which is looked at.
    """
    cause = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
    if isinstance(error, exc.NoSuchTableError):
        cause = f"no such table: {cause}"
    if folder and any(sign in cause for sign in _FILE_SIGNS) and (fault := write_fault(folder)):
        return PermanentStoreError(f"{cause}; {fault}", store=store, table=table)
    for signs, remedy in _PERMANENT:
        if any(sign in cause for sign in signs):
            is_missing = remedy == _CREATE and "column" not in cause
            kind = MissingTableError if is_missing else PermanentStoreError
            return kind(f"{cause}; {remedy}", store=store, table=table)
    if isinstance(error, exc.OperationalError | exc.InterfaceError | exc.TimeoutError):
        remedy = "check that the store is up and reachable, and try again"
        return TransientStoreError(f"{cause}; {remedy}", store=store, table=table)
    remedy = "if the table is not as `orch init` creates it, repair or rename it"
    return PermanentStoreError(f"{cause}; {remedy}", store=store, table=table)
