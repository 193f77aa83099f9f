"""Warn of an instance that is temporary, or that belongs to another control store."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from dagster import DagsterInstance

from orch_dagster.defs.dagster_internals.cursor_values import (
    read_cursor_values,
    write_cursor_value,
)
from orch_dagster.defs.dagster_internals.process_instance import (
    TEMPORARY_PREFIX,
    folder_of,
    instance_folder,
)
from orch_dagster.defs.translator import is_same_store
from orch_dagster.home import ENV_FILE, folder_that_names, names_another_home
from orch_dagster.settings import Settings

_OWNER = "orch_dagster/control_store"


def claim_instance(instance: DagsterInstance, store_address: str) -> None:
    """Note in an instance that it belongs to a control store."""
    write_cursor_value(instance, _OWNER, _in_home(store_address, folder_of(instance)))


def owner_warning(instance: DagsterInstance, store_address: str) -> str | None:
    """Return a warning if an instance belongs to another store; claim one that belongs to none."""
    folder = folder_of(instance)
    if folder is None or not store_address:
        return None
    if Path(folder).name.startswith(TEMPORARY_PREFIX):
        return _temporary(folder)
    owner = read_cursor_values(instance, [_OWNER]).get(_OWNER)
    if owner is None:
        claim_instance(instance, store_address)
    if owner is None or is_same_store(owner, _in_home(store_address, folder)):
        return None
    return (
        f"Dagster's instance ({folder}) belongs to the control store {owner}, and this code "
        f"location reads {store_address}: runs, ticks and partitions of both would mix. Give each "
        "store a DAGSTER_HOME of its own, or make the instance this store's by `orch init`"
    )


def _in_home(store_address: str, folder: str | None) -> str:
    """Return a store's address, relative if the instance's home has it: both move together."""
    home = Path(folder or "").parent.parent
    return store_address.replace(f"{home}{os.sep}", "", 1) if home.name else store_address


def folder_warning(settings: Settings, environ: Mapping[str, str]) -> str | None:
    """Return a warning on the home and the instance of this process, by their folders alone."""
    if copy := folder_that_names(settings.home):
        return (
            f"{copy / ENV_FILE} names another home, {settings.home}: what is done here is done "
            f"there. Was the folder moved or copied? `orch init` in {copy} corrects the file"
        )
    folder = instance_folder(environ)
    if folder is None or Path(folder).name.startswith(TEMPORARY_PREFIX):
        return _temporary(folder or "in the working folder")
    if names_another_home(folder, settings.home):
        return (
            f"Dagster's instance ({folder}) belongs to another home than {settings.home}, whose "
            f"own is {settings.dagster_home}: runs of both would mix. Start Dagster in "
            f"{settings.home}, or set DAGSTER_HOME; `orch init` corrects the .env of a folder "
            "that was moved or copied"
        )
    return None


def _temporary(folder: str) -> str:
    return (
        f"Dagster's instance ({folder}) is temporary: its runs are gone when this command ends, "
        "and no orch command sees them. Start Dagster in the project's folder, whose .env "
        "(`orch init`) names its instance, or set DAGSTER_HOME"
    )
