"""What SQLAlchemy's errors mean to a user: whether another try may help, and what to do."""

from __future__ import annotations

from sqlalchemy import exc

from orch_dagster.errors import PermanentStoreError, StoreError, TransientStoreError

# What another try would meet again, by what the drivers say of it: neither psycopg's connection
# errors nor sqlite3's carry a code. And what to do about it.
_PERMANENT = (
    (
        ("no such table", "no such column", "unable to open database"),
        "run `orch init`, which creates what is missing",
    ),
    (
        ("password authentication failed", "no password supplied", "no pg_hba.conf entry"),
        "mend user and password in ORCH_CONTROL_URL",
    ),
    (('role "',), "create that user in Postgres, or name another in ORCH_CONTROL_URL"),
    (('database "',), "create that database in Postgres, or name another in ORCH_CONTROL_URL"),
    (("does not exist",), "run `orch init`, which creates what is missing"),
    (("readonly database", "read-only transaction"), "give this user the right to write there"),
    (("disk is full", "No space left", "could not extend file"), "make room on its disk"),
)


def explained(error: exc.SQLAlchemyError, store: str, table: str | None) -> StoreError:
    """The error as one of ours, with its remedy.

    Args:
        error: As SQLAlchemy raised it.
        store: The store's address, without its password.
        table: The table in question, if one was.
    """
    cause = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
    if isinstance(error, exc.NoSuchTableError):
        cause = f"no such table: {cause}"
    for signs, remedy in _PERMANENT:
        if any(sign in cause for sign in signs):
            return PermanentStoreError(f"{cause}; {remedy}", store=store, table=table)
    if isinstance(error, exc.OperationalError | exc.InterfaceError | exc.TimeoutError):
        remedy = "look whether the store is up and reachable, and try again"
        return TransientStoreError(f"{cause}; {remedy}", store=store, table=table)
    remedy = "if the table is not as `orch init` makes it, mend it or rename it"
    return PermanentStoreError(f"{cause}; {remedy}", store=store, table=table)
