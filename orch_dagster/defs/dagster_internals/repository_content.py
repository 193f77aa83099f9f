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

    Assets, of which there are many, are taken as they are written by repr, all else as it is sent.
    What repr can't write the same way in another process is another content there.

    Returns:
        None for a repository with components or with state of its definitions.
    """
    loaded = repository.repository_load_data
    if repository.get_component_tree() or (loaded and loaded.defs_state_info):
        return None
    digest = hashlib.sha256()
    # A store gives its rows in any order, and the snapshot has its parts by name.
    for _, asset in sorted(repository.assets_defs_by_key.items(), key=lambda item: str(item[0])):
        digest.update(_of_asset(asset).encode(errors="surrogatepass"))
    jobs = sorted(repository.get_all_jobs(), key=attrgetter("name"))
    resources = repository.get_top_level_resources()
    rest = {
        "name": repository.name,
        "jobs": [JobRefSnap.from_job_def(job) for job in jobs],
        "partitions": [PartitionSetSnap.from_job_def(job) for job in jobs if job.partitions_def],
        "schedules": [ScheduleSnap.from_def(each, repository) for each in repository.schedule_defs],
        "sensors": [SensorSnap.from_def(each, repository) for each in repository.sensor_defs],
        # Which ops use them is of the jobs' ids.
        "resources": [
            ResourceSnap.from_def(each, name, {}, {}, {}, {}, {}, {})
            for name, each in resources.items()
        ],
        "variables": {
            name: sorted(of) for name, of in repository.get_env_vars_by_top_level_resource().items()
        },
        "metadata": repr(repository.metadata),
    }
    digest.update(serialize_value(rest).encode())
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
