"""An asset of your own that reads a control table through KuduResource."""

import os
from collections import Counter

import dagster as dg

from orch_dagster.control.tables import PROCESS_CONTROL
from orch_dagster.defs.resources import KuduResource


@dg.asset
def open_dates(kudu: KuduResource) -> dg.MaterializeResult:
    """Count the open dates of each group."""
    rows = kudu.store.read(PROCESS_CONTROL, columns=["entity", "source_system"])
    by_group = Counter(f"{row['entity']} {row['source_system']}" for row in rows)
    return dg.MaterializeResult(metadata=dict(by_group))


MASTERS = os.environ.get("KUDU_MASTERS", "127.0.0.1:7051").split(",")

defs = dg.Definitions(
    assets=[open_dates], resources={"kudu": KuduResource(masters=MASTERS, timeout_s=5)}
)
