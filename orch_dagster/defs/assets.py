"""A job's asset: one op that takes the bundle as its input.

Without postponed annotations: Dagster looks at the type of the op's context itself.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg

from orch_dagster.defs.checks import check_specs
from orch_dagster.defs.definition_metadata import JobFiles, definition_metadata
from orch_dagster.defs.source_assets import SourceAssets
from orch_dagster.defs.step.begun import BegunStep
from orch_dagster.defs.step.run import run_job
from orch_dagster.defs.translator import (
    PARAM_BUNDLE_KEY,
    asset_key,
    asset_tags,
    description,
    group_name,
    op_tags,
    parent_input,
    with_warning,
)
from orch_dagster.registry.jobs import JobSpec, Registry
from orch_dagster.registry.location import Location

# A type without a loader, so that run config can't stand in for the IO manager.
PARAM_BUNDLE = dg.PythonObjectDagsterType(
    BegunStep,
    name="ParamBundle",
    description="A job's parameters for one run, read from the control store.",
)


@dataclass(frozen=True)
class AssetContext:
    """The parts that the assets of a location share.

    Attributes:
        location: The registry and the settings.
        files: The files of jobs.
        sources: The sources of jobs as external assets.
        with_hql: Whether the texts of HQL files are shown.
    """

    location: Location
    files: JobFiles
    sources: SourceAssets
    with_hql: bool

    @classmethod
    def of(cls, location: Location) -> "AssetContext":
        """Return the context of a location; one with many jobs shows no sources and no HQL."""
        is_small = len(location.registry.jobs) <= location.settings.listed_jobs
        sources = SourceAssets(location.registry if is_small else Registry({}))
        return cls(location, JobFiles(location.settings), sources, is_small)


def build_asset(
    spec: JobSpec, context: AssetContext, partitions: dg.PartitionsDefinition[str]
) -> dg.AssetsDefinition:
    """Build the asset of a job, which waits for its parents' assets."""
    location, files = context.location, context.files
    settings = location.settings

    def compute(context: dg.OpExecutionContext, inputs: Mapping[str, Any]) -> Iterator[object]:
        yield from run_job(context, inputs["params"], settings, checks)

    parents = {
        parent_input(number): asset_key(parent)
        for number, parent in enumerate(location.registry.parents_of(spec))
    } | dict(context.sources.inputs_of(spec))
    key = asset_key(spec)
    hql = files.hql(spec)
    checks = check_specs(spec, location, hql[1] if hql else None)
    op = dg.OpDefinition(
        compute_fn=compute,
        name=spec.job_name,
        description=description(spec),
        tags=op_tags(spec, location.store_address),
        ins={
            "params": dg.In(PARAM_BUNDLE, input_manager_key=PARAM_BUNDLE_KEY),
            **{name: dg.In(dg.Nothing) for name in parents},
        },
        outs={
            "result": dg.Out(
                dg.Nothing, io_manager_key=PARAM_BUNDLE_KEY, code_version=files.code_version(spec)
            ),
            **{name: dg.Out(dg.Nothing) for name in checks},
        },
    )
    return dg.AssetsDefinition(
        node_def=op,
        keys_by_input_name=parents,
        keys_by_output_name={"result": key},
        check_specs_by_output_name=checks,
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.multi_run(settings.dates_per_run),
        group_names_by_key={key: group_name(spec)},
        descriptions_by_key={key: with_warning(description(spec), location.instance_warning)},
        metadata_by_key={key: definition_metadata(spec, files, with_hql=context.with_hql)},
        tags_by_key={key: asset_tags(spec)},
        owners_by_key={key: [*spec.context.owners]},
    )
