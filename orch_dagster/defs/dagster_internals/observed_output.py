"""The output of a step whose materializations were reported one by one.

Missing: a public way to end an asset's step without a materialization of everything that the run
was asked for. Buys: a range with closed dates among it shows these dates as missing, where Dagster
would show them as materialized. Can go when `dg.Output` takes such an argument.
"""

from __future__ import annotations

import dagster as dg
from dagster._core.definitions.source_asset import SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION


def observed_output(output_name: str = "result") -> dg.Output[None]:
    """Return the output that satisfies Dagster and materializes nothing."""
    return dg.Output(
        None, output_name, metadata={SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION: True}
    )
