"""The code location as it is now, for a daemon in the tests' own process.

orch_dagster.definitions reads the control tables once in a process; this file is read anew.
"""

from __future__ import annotations

import dagster as dg

from orch_dagster.defs.repository import ControlTables
from orch_dagster.registry.location import load_location
from orch_dagster.settings import load_settings

defs = dg.RepositoryDefinition(
    "orch_dagster", repository_data=ControlTables(lambda: load_location(load_settings()))
)
