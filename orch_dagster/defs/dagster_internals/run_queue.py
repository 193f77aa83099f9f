"""Put a run into the queue of an instance, from a process that serves no code location.

Missing: a public way to queue a run without a workspace; `dagster job launch` starts a code server
to make one, which takes seconds and a second load of the location. Buys: `orch run --detach`
returns at once. Can go when DagsterInstance documents submit_run without a workspace.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, cast

from dagster._core.run_coordinator import QueuedRunCoordinator, SubmitRunContext

if TYPE_CHECKING:
    from dagster import AssetKey, DagsterInstance, DagsterRun

    from orch_dagster.defs.dagster_internals.repository_jobs import ReconstructableJob

_DAEMON = "QUEUED_RUN_COORDINATOR"
# A daemon's heartbeat comes every 30 s.
_SILENT_AFTER_S = 120


def has_queue(instance: DagsterInstance) -> bool:
    """Return whether the instance queues runs for its daemon."""
    return isinstance(instance.run_coordinator, QueuedRunCoordinator)


def make_run(
    instance: DagsterInstance,
    job: ReconstructableJob,
    tags: Mapping[str, str],
    asset_keys: AbstractSet[AssetKey],
) -> DagsterRun:
    """Make a run of the job, of these of its assets or of all if none is named; start nothing."""
    definition = job.get_definition()
    if asset_keys:
        definition = definition.get_subset(asset_selection=asset_keys)
    return instance.create_run_for_job(
        definition,
        tags=tags,
        asset_selection=frozenset(asset_keys) or None,
        job_code_origin=job.get_python_origin(),
    )


def queue_run(instance: DagsterInstance, run_id: str) -> None:
    """Queue a run that has not started; a daemon launches it in the code location of its origin."""
    run = instance.get_run_by_id(run_id)
    assert run is not None
    # The queue only writes an event; it asks no workspace.
    instance.run_coordinator.submit_run(SubmitRunContext(run, workspace=cast("Any", None)))


def has_daemon(instance: DagsterInstance) -> bool:
    """Return whether a daemon that launches queued runs has been heard of lately."""
    heartbeat = instance.get_daemon_heartbeats().get(_DAEMON)
    return heartbeat is not None and time.time() - heartbeat.timestamp < _SILENT_AFTER_S
