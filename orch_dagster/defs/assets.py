"""A job's asset: one op that takes the bundle as its input."""

from __future__ import annotations

from dataclasses import dataclass

import dagster as dg

from orch_dagster.defs.checks import check_specs
from orch_dagster.defs.dagster_internals.op_ports import NO_CONFIG, SharedPortsOp
from orch_dagster.defs.definition_metadata import JobFiles, definition_metadata
from orch_dagster.defs.op_parts import RESULT, OpParts
from orch_dagster.defs.source_assets import SourceAssets
from orch_dagster.defs.translator import (
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

# The tables and files of more jobs are not linked, unless as many are listed.
_LINKED_JOBS = 2_000


@dataclass(frozen=True)
class AssetContext:
    """The parts that the assets of a location share.

    Attributes:
        location: The registry and the settings.
        files: The files of jobs.
        ops: The parts of their ops.
        sources: The sources of jobs as external assets.
        backfill_policy: How many dates a run of a backfill takes.
        with_hql: Whether the texts of HQL files are shown.
        with_links: Whether Dagster's keys of tables and files are.
    """

    location: Location
    files: JobFiles
    ops: OpParts
    sources: SourceAssets
    backfill_policy: dg.BackfillPolicy
    with_hql: bool
    with_links: bool

    @classmethod
    def of(cls, location: Location) -> AssetContext:
        """Return the context of a location; one with many jobs shows less of each."""
        settings, count = location.settings, len(location.registry.jobs)
        is_small = count <= settings.listed_jobs
        return cls(
            location,
            JobFiles(settings),
            OpParts(settings),
            SourceAssets(location.registry if is_small else Registry({})),
            dg.BackfillPolicy.multi_run(settings.dates_per_run),
            is_small,
            count <= max(_LINKED_JOBS, settings.listed_jobs),
        )


def build_asset(
    spec: JobSpec, context: AssetContext, partitions: dg.PartitionsDefinition[str]
) -> dg.AssetsDefinition:
    """Build the asset of a job, which waits for its parents' assets."""
    location, files = context.location, context.files
    parents = {
        parent_input(number): asset_key(parent)
        for number, parent in enumerate(location.registry.parents_of(spec))
    } | dict(context.sources.inputs_of(spec))
    key = asset_key(spec)
    about = description(spec)
    hql = files.hql(spec)
    checks = check_specs(spec, location, hql[1] if hql else None)
    op = SharedPortsOp(
        compute_fn=context.ops.compute(tuple(checks)),
        name=spec.job_name,
        description=about,
        tags=op_tags(spec, location.store_address),
        config_schema=NO_CONFIG,
        ins=context.ops.ins(tuple(parents)),
        outs=context.ops.outs(tuple(checks)),
    )
    asset = dg.AssetSpec(
        key,
        deps=parents.values(),
        description=with_warning(about, location.instance_warning),
        metadata=definition_metadata(
            spec, files, with_hql=context.with_hql, with_links=context.with_links
        ),
        group_name=group_name(spec),
        code_version=files.code_version(spec),
        owners=spec.context.owners,
        tags=asset_tags(spec),
        partitions_def=partitions,
    )
    return dg.AssetsDefinition(
        node_def=op,
        keys_by_input_name=parents,
        keys_by_output_name={RESULT: key},
        specs=[asset],
        check_specs_by_output_name=checks,
        backfill_policy=context.backfill_policy,
    )
