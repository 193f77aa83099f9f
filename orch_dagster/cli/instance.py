"""Dagster's instance that every orch command uses."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from orch_dagster.files import make_private
from orch_dagster.settings import Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance


def has_instance(settings: Settings) -> bool:
    """Return whether an instance is named, or the home has one already."""
    return "DAGSTER_HOME" in os.environ or settings.dagster_home.is_dir()


@contextmanager
def opened_instance(settings: Settings) -> Generator[DagsterInstance]:
    """Open the instance of DAGSTER_HOME; by default the home's own, created if missing."""
    import dagster as dg

    from orch_dagster.defs.dagster_internals.definitions_state import leave_out_definitions_state
    from orch_dagster.defs.dagster_internals.migration_scripts import read_migrations_once
    from orch_dagster.defs.dagster_internals.sqlite_engines import keep_sqlite_engines
    from orch_dagster.defs.dagster_internals.sqlite_locks import wait_for_sqlite_locks

    leave_out_definitions_state()
    read_migrations_once()
    keep_sqlite_engines()
    wait_for_sqlite_locks()
    if not os.environ.get("DAGSTER_HOME"):
        os.environ["DAGSTER_HOME"] = str(settings.dagster_home)
    make_private(settings.dagster_home)
    with dg.DagsterInstance.get() as instance:
        yield instance
