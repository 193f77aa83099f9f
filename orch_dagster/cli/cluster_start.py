"""Start the gateway to YARN early, so that it is there when the first job is to be submitted."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress

from framework.contract.variables import HADOOP_CONF_DIRS
from orch_dagster.cli.cluster_uses import cluster_uses, stored_params
from orch_dagster.errors import OrchError
from orch_dagster.registry.cluster_paths import site_of
from orch_dagster.registry.jobs import JobSpec
from orch_dagster.settings import Settings


def start_gateway(settings: Settings, specs: Iterable[JobSpec]) -> None:
    """Start the gateway if YARN runs one of the jobs; Dagster's imports take as long as its JVM.

    Nothing depends on it: a job starts its own where this one failed, and says why it can't.
    """
    if not any(os.environ.get(name) for name in HADOOP_CONF_DIRS):
        # Where no cluster is named, nothing is read for it.
        return
    with suppress(OrchError, OSError):
        uses = cluster_uses(specs, stored_params(settings), site_of(settings))
        if any(use.is_on_yarn for use in uses):
            # Imported here, as most jobs need none.
            from orch_dagster.spark.yarn.shared_gateway import shared_gateway

            shared_gateway(os.environ).start()
