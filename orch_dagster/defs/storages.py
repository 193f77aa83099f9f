"""Set up how a process of ours uses Dagster's storages."""

from __future__ import annotations

from orch_dagster.defs.dagster_internals.migration_scripts import read_migrations_once
from orch_dagster.defs.dagster_internals.sqlite_engines import keep_sqlite_engines
from orch_dagster.defs.dagster_internals.sqlite_locks import wait_for_sqlite_locks


def set_up_storages() -> None:
    """Let this process read Dagster's migrations once, keep its engines, and wait for its locks."""
    read_migrations_once()
    keep_sqlite_engines()
    wait_for_sqlite_locks()
