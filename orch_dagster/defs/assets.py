"""A job's asset: one op that takes the bundle as its input.

Without postponed annotations: Dagster looks at the type of the op's context itself.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

from orch_dagster.defs.checks import check_specs
from orch_dagster.defs.step.begun import BegunStep
from orch_dagster.defs.step.run import run_job
from orch_dagster.defs.translator import (
    PARAM_BUNDLE_KEY,
    asset_key,
    definition_metadata,
    description,
    group_name,
    kinds,
    op_tags,
    parent_input,
    with_warning,
)
from orch_dagster.registry.jobs import JobSpec
from orch_dagster.registry.location import Location

# A type without a loader, so that run config can't stand in for the IO manager.
PARAM_BUNDLE = dg.PythonObjectDagsterType(
    BegunStep,
    name="ParamBundle",
    description="A job's parameters for one run, read from the control store.",
)


def build_asset(
    spec: JobSpec, location: Location, partitions: dg.PartitionsDefinition[str]
) -> dg.AssetsDefinition:
    """Build the asset of a job, which waits for its parents' assets."""
    settings = location.settings

    def compute(context: dg.OpExecutionContext, inputs: Mapping[str, Any]) -> Iterator[object]:
        yield from run_job(context, inputs["params"], settings, checks)

    parents = {
        parent_input(number): asset_key(parent)
        for number, parent in enumerate(location.registry.parents_of(spec))
    }
    key = asset_key(spec)
    checks = check_specs(spec, location)
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
            "result": dg.Out(dg.Nothing, io_manager_key=PARAM_BUNDLE_KEY),
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
        metadata_by_key={key: definition_metadata(spec)},
        tags_by_key={key: kinds(spec)},
    )
