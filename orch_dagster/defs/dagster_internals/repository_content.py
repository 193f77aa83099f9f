"""Digest what a repository's snapshot is made of.

Missing: a code server makes the snapshot of its repository, and its text, for each process that
asks. Buys: a fifth of a load of ten thousand rows that are as they were at the last. Can go when
Dagster asks for no repository whose id it knows.
"""

from __future__ import annotations

import hashlib
from operator import attrgetter
from typing import TYPE_CHECKING

from dagster._core.remote_representation.external_data import (
    JobRefSnap,
    PartitionSetSnap,
    ResourceSnap,
    ScheduleSnap,
    SensorSnap,
)
from dagster._serdes import serialize_value

if TYPE_CHECKING:
    from dagster import AssetsDefinition, RepositoryDefinition


def repository_content(repository: RepositoryDefinition) -> str | None:
    """Return a digest of what tells a repository's snapshot from others, its jobs' ids with it.

    Assets, of which there are many, are taken as repr writes them, all else as it is sent. An
    object whose repr has its address gives another digest in each process, so nothing is kept.

    Returns:
        None for a repository with components, state of its definitions, or nested resources.
    """
    loaded = repository.repository_load_data
    resources = repository.get_top_level_resources()
    if (
        repository.get_component_tree()
        or (loaded and loaded.defs_state_info)
        or any(getattr(each, "nested_resources", None) for each in resources.values())
    ):
        return None
    digest = hashlib.sha256()
    # A store gives its rows in any order, and the snapshot has its parts by name.
    for _, asset in sorted(repository.assets_defs_by_key.items(), key=lambda item: str(item[0])):
        digest.update(_of_asset(asset).encode(errors="surrogatepass"))
    jobs = sorted(repository.get_all_jobs(), key=attrgetter("name"))
    small_parts = {
        "name": repository.name,
        "jobs": [JobRefSnap.from_job_def(job) for job in jobs],
        "partitions": [PartitionSetSnap.from_job_def(job) for job in jobs if job.partitions_def],
        "schedules": [ScheduleSnap.from_def(each, repository) for each in repository.schedule_defs],
        "sensors": [SensorSnap.from_def(each, repository) for each in repository.sensor_defs],
        # Which ops use them is in the jobs' ids.
        "resources": [
            ResourceSnap.from_def(each, name, {}, {}, {}, {}, {}, {})
            for name, each in resources.items()
        ],
        "used": {
            each.name: sorted(each.required_resource_keys)
            for each in (*repository.schedule_defs, *repository.sensor_defs)
        },
        "variables": {
            name: sorted(of) for name, of in repository.get_env_vars_by_top_level_resource().items()
        },
        "metadata": repr(repository.metadata),
    }
    digest.update(serialize_value(small_parts).encode())
    return digest.hexdigest()


def _of_asset(asset: AssetsDefinition) -> str:
    return repr(
        (
            list(asset.specs),
            list(asset.check_specs),
            asset.execution_type,
            asset.backfill_policy,
            asset.can_subset,
            sorted(asset.keys_by_output_name.items()),
        )
    )
