"""Planned evaluations of checks that no step has made.

Missing: a way to plan no evaluation of a check, or to take one back; Dagster plans one of each
when it creates a run, and shows it red when the run fails before. Buys: a run that ends before
Spark leaves the checks of its assets as they were. Can go when an op may leave out a check.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage

if TYPE_CHECKING:
    from dagster import DagsterInstance


def drop_planned_checks(instance: DagsterInstance, run_ids: Collection[str]) -> None:
    """Take back the planned evaluations of runs; those that were made stay."""
    storage = instance.event_log_storage
    if not run_ids or not isinstance(storage, SqlEventLogStorage):
        return
    table = AssetCheckExecutionsTable
    planned = AssetCheckExecutionRecordStatus.PLANNED.value
    with storage.index_connection() as connection:
        connection.execute(
            table.delete().where(
                table.c.run_id.in_([*run_ids]), table.c.execution_status == planned
            )
        )
