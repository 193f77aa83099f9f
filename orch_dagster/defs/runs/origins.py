"""The code location of runs that a command started, by which Dagit shows them among their job's.

The command can't know under which name a workspace serves the location. The sensor is served from
there, so it notes the name in Dagster's instance.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import dagster as dg
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus

from orch_dagster.defs.dagster_internals.asset_jobs import IMPLICIT_ASSET_JOB_NAME
from orch_dagster.defs.dagster_internals.cursor_values import (
    read_cursor_values,
    write_cursor_value,
)
from orch_dagster.defs.dagster_internals.planned_checks import drop_planned_checks
from orch_dagster.defs.dagster_internals.run_origins import origin_label, set_origin
from orch_dagster.defs.translator import store_digest

if TYPE_CHECKING:
    from orch_dagster.registry.location import Location

# As workspace.yaml names it, until a code server has said otherwise.
DEFAULT_LABEL = "orch_dagster@orch_dagster"

_ENDS = (DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED)
_KEY = "orch/code_location/"
# The timeline shows days, and older ones are found on the Runs page.
_NEWEST_RUNS = 1_000


def give_origin(instance: DagsterInstance, run_id: str, store_address: str) -> None:
    """Let a run that has begun belong to the code location of its store, if it has none."""
    run = instance.get_run_by_id(run_id)
    if run is not None and origin_label(run) is None:
        set_origin(instance, run, _noted(instance, store_address) or DEFAULT_LABEL)


def follow_location(
    instance: DagsterInstance, location: Location, label: str, ended: Iterable[DagsterRun]
) -> None:
    """Note the label of a served location, and let its ended runs belong to it.

    Args:
        instance: The instance of the runs.
        location: The registry.
        label: The location's label.
        ended: The runs that ended since the last time.
    """
    noted = _noted(instance, location.store_address)
    if noted is None:
        # Also of a version that gave no origin, and left red what no run had checked.
        filters = dg.RunsFilter(statuses=_ENDS)
        records = instance.get_run_records(filters, limit=_NEWEST_RUNS)
        ended = [record.dagster_run for record in records]
        drop_planned_checks(instance, [run.run_id for run in ended])
    registry = location.registry
    job_names = {*registry.jobs, *registry.groups, IMPLICIT_ASSET_JOB_NAME}
    for run in ended:
        of_run = origin_label(run)
        is_guess = of_run is None or (noted is None and of_run == DEFAULT_LABEL != label)
        if is_guess and run.job_name in job_names:
            set_origin(instance, run, label)
    if noted != label:
        write_cursor_value(instance, _key(location.store_address), label)


def _noted(instance: DagsterInstance, store_address: str) -> str | None:
    key = _key(store_address)
    return read_cursor_values(instance, [key]).get(key)


def _key(store_address: str) -> str:
    return _KEY + store_digest(store_address)
