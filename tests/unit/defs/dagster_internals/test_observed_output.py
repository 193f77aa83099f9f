"""An output that materializes nothing."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
from dagster import DagsterInstance

from orch_dagster.defs.dagster_internals.observed_output import observed_output

KEY = dg.AssetKey("landing")
DAYS = dg.StaticPartitionsDefinition(["1", "2", "3"])


def compute(_context, _inputs) -> Iterator[object]:  # type: ignore[no-untyped-def]
    for day in ("1", "3"):
        yield dg.AssetMaterialization(KEY, partition=day)
    yield observed_output()


def test_only_the_reported_dates_of_a_range_are_materialized(instance: DagsterInstance) -> None:
    asset = dg.AssetsDefinition(
        node_def=dg.OpDefinition(compute, name="landing", outs={"result": dg.Out(dg.Nothing)}),
        keys_by_input_name={},
        keys_by_output_name={"result": KEY},
        partitions_def=DAYS,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    ends = {"dagster/asset_partition_range_start": "1", "dagster/asset_partition_range_end": "3"}
    assert dg.materialize([asset], instance=instance, tags=ends).success
    assert instance.get_materialized_partitions(KEY) == {"1", "3"}
