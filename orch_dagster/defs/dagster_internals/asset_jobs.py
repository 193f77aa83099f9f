"""Jobs over chosen assets, each built from these assets alone, and the graph of all of them.

Missing: a public builder of such a job; define_asset_job resolves each against the whole asset
graph, which is quadratic in the number of jobs. A graph of assets also looks for each of them under
its name and its table, in case another names it by these. Buys: 10,000 jobs are defined in seconds,
with define_asset_job in minutes. Can go when define_asset_job takes its assets as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from dagster import AssetsDefinition, SourceAsset
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from dagster._core.definitions.assets.job.asset_job import IMPLICIT_ASSET_JOB_NAME, build_asset_job
from dagster._core.definitions.resolved_asset_deps import resolve_stub_assets_defs
from typing_extensions import override

if TYPE_CHECKING:
    from dagster import (
        ExecutorDefinition,
        JobDefinition,
        PartitionsDefinition,
        ResourceDefinition,
    )

__all__ = [
    "IMPLICIT_ASSET_JOB_NAME",
    "AssetGraph",
    "asset_graph",
    "asset_job",
    "implicit_asset_job",
]


class _GraphByKeys(AssetGraph):
    """Builds graphs of assets that name their parents by whole keys."""

    @staticmethod
    @override
    def normalize_assets(
        assets: Iterable[AssetsDefinition | SourceAsset],
    ) -> Sequence[AssetsDefinition]:
        definitions = [each for each in assets if isinstance(each, AssetsDefinition)]
        return [*definitions, *resolve_stub_assets_defs(definitions)]


def asset_graph(assets: Iterable[AssetsDefinition]) -> AssetGraph:
    """Return the graph of these assets, which name their parents by whole keys."""
    return _GraphByKeys.from_assets(assets)


def asset_job(
    name: str,
    assets: Sequence[AssetsDefinition],
    partitions: PartitionsDefinition[str],
    resources: Mapping[str, ResourceDefinition],
    executor: ExecutorDefinition,
    description: str,
) -> JobDefinition:
    """Return the job that materializes these assets, which share their partitions."""
    return build_asset_job(
        name=name,
        asset_graph=asset_graph(assets),
        allow_different_partitions_defs=False,
        resource_defs=resources,
        executor_def=executor,
        partitions_def=partitions,
        description=description,
    )


def implicit_asset_job(
    graph: AssetGraph,
    resources: Mapping[str, ResourceDefinition],
    executor: ExecutorDefinition,
) -> JobDefinition:
    """Return the job by which Dagster's page materializes any selection of a graph's assets."""
    return build_asset_job(
        name=IMPLICIT_ASSET_JOB_NAME,
        asset_graph=graph,
        allow_different_partitions_defs=True,
        resource_defs=resources,
        executor_def=executor,
    )
