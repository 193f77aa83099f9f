"""The code location that a run belongs to.

Missing: an argument of `dg.execute_job`, and an option of `dagster job execute`, for the code
location; a run without it is neither on Dagit's timeline nor on the page of its job. Buys: the runs
of the command line are there, while they run too. Can go when a run of the command line names its
location. `dagster run migrate-repository` sets the origin of runs in the same way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteRepositoryOrigin
from dagster._core.storage.tags import REPOSITORY_LABEL_TAG

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRun, SensorEvaluationContext


def origin_label(run: DagsterRun) -> str | None:
    """Return `REPOSITORY@LOCATION` of the run, or None if it has no origin."""
    origin = run.remote_job_origin
    return origin.repository_origin.get_label() if origin else None


def set_origin(instance: DagsterInstance, run: DagsterRun, label: str) -> None:
    """Let the run belong to the job of its name in that code location.

    Args:
        instance: The instance of the run.
        run: The run, as it is stored now.
        label: The location, as origin_label returns it.
    """
    repository, _, location = label.partition("@")
    origin = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin(location), repository)
    # The storage replaces the tag, and adds none.
    instance.add_run_tags(run.run_id, {REPOSITORY_LABEL_TAG: label})
    instance.run_storage.replace_job_origin(run, origin.get_job_origin(run.job_name))


def location_label(context: SensorEvaluationContext) -> str | None:
    """Return the label of the location that a sensor is served from, None for a call by hand."""
    origin = context.code_location_origin
    return f"{context.repository_name}@{origin.location_name}" if origin else None
