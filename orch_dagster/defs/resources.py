"""The control store as a Dagster resource, for the jobs here and for users' own assets."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from orch_dagster.control.connect import open_store
from orch_dagster.control.store import ControlStore


class ControlStoreResource(dg.ConfigurableResource[ControlStore]):
    """The control tables in SQLite or Postgres; ops and assets receive the open ControlStore.

    Attributes:
        url: As ORCH_CONTROL_URL.
        home: ORCH_HOME, where relative paths of the URL start.
    """

    url: str
    home: str

    @contextmanager
    def yield_for_execution(
        self,
        context: dg.InitResourceContext,  # noqa: ARG002
    ) -> Generator[ControlStore]:
        """Open the store for a run and close it after."""
        store = open_store(self.url, Path(self.home))
        try:
            yield store
        finally:
            store.close()
