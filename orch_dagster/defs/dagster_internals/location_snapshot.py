"""The load of a code location, as the webserver and the daemon load it, for measurements.

Missing: a documented snapshot of a location, and a documented client of a code server. Buys: the
load times of bench/registry_load.py, to the answer of the server. Can go when Dagster documents
either.
"""

from __future__ import annotations

from dagster import DagsterInstance, JobDefinition, RepositoryDefinition
from dagster._core.remote_representation.external_data import JobDataSnap, RepositorySnap
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import ModuleTarget
from dagster_shared.serdes import deserialize_value, serialize_value


def snapshot(repository: RepositoryDefinition) -> RepositorySnap:
    """Return the repository's snapshot that a code server sends, without those of the jobs."""
    return RepositorySnap.from_def(repository, defer_snapshots=True)


def snapshot_text(snap: RepositorySnap) -> str:
    """Return a repository's snapshot as the server sends it."""
    return serialize_value(snap)


def read_snapshot(text: str) -> RepositorySnap:
    """Return the snapshot of such a text, as a process reads it that asked the server."""
    return deserialize_value(text, RepositorySnap)


def job_text(job: JobDefinition) -> str:
    """Return a listed job as the server sends it, each by itself."""
    return serialize_value(JobDataSnap.from_job_def(job, include_parent_snapshot=True))


def read_job(text: str) -> JobDataSnap:
    """Return the job of such a text, as a process reads it that asked the server."""
    return deserialize_value(text, JobDataSnap)


def served_job_count(instance: DagsterInstance, module_name: str, location_name: str) -> int:
    """Start a code server for the module, request its location, and count the listed jobs."""
    target = ModuleTarget(
        module_name=module_name, attribute=None, working_directory=None, location_name=location_name
    )
    with WorkspaceProcessContext(instance, target) as process:
        location = process.create_request_context().get_code_location(location_name)
        jobs = location.get_repository(location_name).repository_snap.job_refs
    return len(jobs or ())
