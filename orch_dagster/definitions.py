"""The code location: `dagster job execute -m orch_dagster.definitions -j JOB_NAME …`.

Nothing is read on import; the control tables are read when Dagster first asks.
"""

from __future__ import annotations

import os
from dataclasses import replace

import click

from orch_dagster.toolchain.dagster_version import check_dagster_version
from orch_dagster.toolchain.errors import DagsterVersionError

try:
    check_dagster_version()
except DagsterVersionError as error:
    # Dagster's commands print this kind without a trace, and its pages show the sentence first.
    raise click.ClickException(str(error)) from None

# After the check, as another version of Dagster may lack what these import.
from dagster import JobDefinition

from orch_dagster.defs.dagster_internals.server_stop import cancel_runs_with_their_server
from orch_dagster.defs.instance_owner import folder_warning
from orch_dagster.defs.repository import ControlTables, LandingRepository
from orch_dagster.defs.storages import set_up_storages
from orch_dagster.home import load_env_file
from orch_dagster.registry.location import Location, load_location
from orch_dagster.settings import load_settings

cancel_runs_with_their_server()
set_up_storages()


def _location() -> Location:
    # Dagster's commands read the .env of their working folder only, and no folder's above it.
    load_env_file()
    return _with_warning(load_location(load_settings()))


def _with_warning(location: Location) -> Location:
    return replace(location, instance_warning=folder_warning(location.settings, os.environ))


_tables = ControlTables(_location)
defs = LandingRepository(
    "orch_dagster",
    _tables,
    description="One landing job for each row of job_master.",
)


def use_location(location: Location) -> None:
    """Take a location that this process has just read, instead of reading it at the first use."""
    _tables.load_by(lambda: _with_warning(location))


def job_named(name: str) -> JobDefinition:
    """Return the job of that name."""
    return defs.get_job(name)
