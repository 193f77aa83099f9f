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
    from orch_dagster.defs.storages import set_up_storages

    leave_out_definitions_state()
    set_up_storages()
    if not os.environ.get("DAGSTER_HOME"):
        os.environ["DAGSTER_HOME"] = str(settings.dagster_home)
    make_private(settings.dagster_home)
    with dg.DagsterInstance.get() as instance:
        yield instance
