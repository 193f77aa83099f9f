"""The control store as a Dagster resource, for the jobs here and for users' own assets."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import dagster as dg

from orch_dagster.control.connect import open_store
from orch_dagster.control.store import ControlStore
from orch_dagster.settings import Settings


def control_store_resource(settings: Settings) -> dg.ResourceDefinition:
    """The store of the settings: ops and assets receive it open, for the length of their run.

    The URL is no config of the resource: Dagster shows config, and a URL may hold a password.
    """

    @dg.resource(description="The control tables in SQLite or Postgres, as ORCH_CONTROL_URL says.")
    @contextmanager
    def control_store(_context: dg.InitResourceContext) -> Generator[ControlStore]:
        store = open_store(settings.control_url, settings.home)
        try:
            yield store
        finally:
            store.close()

    return control_store
