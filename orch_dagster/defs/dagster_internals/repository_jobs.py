"""A job of a whole repository, for a run in this process.

Missing: a public way to name a job of a RepositoryDefinition to execute_job;
build_reconstructable_job takes a function that returns one job, and refuses the name of Dagster's
implicit job of all assets. Buys: `orch run GROUP --due` lands a group and the jobs of other groups
behind it in one run, as the sensor does. Can go when execute_job takes a repository's job.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagster._core.definitions.reconstruct import ReconstructableRepository

if TYPE_CHECKING:
    from dagster._core.definitions.reconstruct import ReconstructableJob


def repository_job(module: str, repository: str, name: str) -> ReconstructableJob:
    """Return the job of that name, the implicit one too.

    Args:
        module: The module of the repository.
        repository: Its name in the module.
        name: The job's name.
    """
    return ReconstructableRepository.for_module(module, repository).get_reconstructable_job(name)
