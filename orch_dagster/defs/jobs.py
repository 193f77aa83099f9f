"""Dagster jobs of the assets: one for each row, one for each group, and the implicit one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import dagster as dg

from orch_dagster.defs.assets import AssetContext, build_asset
from orch_dagster.defs.dagster_internals.asset_jobs import (
    AssetGraph,
    asset_graph,
    asset_job,
    implicit_asset_job,
)
from orch_dagster.defs.partitions import OpenDates, partitions_of
from orch_dagster.defs.step.executor import thread_executor
from orch_dagster.registry.jobs import JobSpec
from orch_dagster.registry.location import Location


class JobBuilder:
    """Builds jobs one by one, each from its own assets alone.

    Args:
        location: The registry and the settings.
        resources: The resources that every job gets.
    """

    def __init__(self, location: Location, resources: Mapping[str, dg.ResourceDefinition]) -> None:
        self._location = location
        self._resources = resources
        self._partitions: dict[str, OpenDates] = {}
        self._executor = thread_executor(
            location.settings.max_concurrent_jobs,
            location.settings.params_dir,
            location.store_address,
        )
        self._assets: dict[str, dg.AssetsDefinition] = {}
        self._context = AssetContext.of(location)

    def asset(self, spec: JobSpec) -> dg.AssetsDefinition:
        """Return the asset of a job, built once."""
        if spec.job_name not in self._assets:
            partitions = self._partitions_of(spec)
            self._assets[spec.job_name] = build_asset(spec, self._context, partitions)
        return self._assets[spec.job_name]

    def _partitions_of(self, spec: JobSpec) -> OpenDates:
        name = spec.group.name
        return self._partitions.setdefault(name, partitions_of(name))

    @cached_property
    def assets(self) -> Sequence[dg.AssetsDefinition]:
        """Return all assets, one for each row."""
        return [self.asset(spec) for spec in self._location.registry.jobs.values()]

    @cached_property
    def sources(self) -> Sequence[dg.AssetsDefinition]:
        """Return the external assets of the jobs' sources."""
        return self._context.sources.definitions()

    @cached_property
    def graph(self) -> AssetGraph:
        """Return the graph of all assets."""
        return asset_graph([*self.assets, *self.sources])

    def job(self, name: str, specs: Sequence[JobSpec], description: str) -> dg.JobDefinition:
        """Build a job that materializes the assets of the given rows, all of one group."""
        assets = [self.asset(spec) for spec in specs]
        partitions = self._partitions_of(specs[0])
        return asset_job(name, assets, partitions, self._resources, self._executor, description)

    def implicit_job(self) -> dg.JobDefinition:
        """Build the job by which Dagster materializes any selection from its page."""
        return implicit_asset_job(self.graph, self._resources, self._executor)
