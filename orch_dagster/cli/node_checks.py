"""Ask the nodes of the clusters that jobs use: for `orch doctor --probe`."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping

from framework.contract.shared_paths import runs_elsewhere
from framework.contract.some_of import some_sorted
from orch_dagster.cli.cluster_uses import CheckedPart, cluster_uses, stored_params
from orch_dagster.registry.cluster_paths import site_of
from orch_dagster.registry.jobs import Registry
from orch_dagster.settings import Settings
from orch_dagster.spark.deployment import LOGIN
from orch_dagster.spark.probe import probe
from orch_dagster.toolchain.errors import SparkError

# What decides whether and on which nodes a job runs, and with which Python and Java.
_DECIDING = (
    "spark.master",
    "spark.submit.deployMode",
    "spark.yarn.queue",
    "spark.pyspark.python",
    "spark.yarn.appMasterEnv.PYSPARK_PYTHON",
    "spark.archives",
    "spark.yarn.dist.archives",
    "spark.yarn.am.nodeLabelExpression",
    "spark.yarn.executor.nodeLabelExpression",
    "spark.yarn.appMasterEnv.JAVA_HOME",
    "spark.executorEnv.JAVA_HOME",
    *LOGIN,
)


def node_checks(
    settings: Settings, registry: Registry, environ: Mapping[str, str] = os.environ
) -> Iterator[CheckedPart]:
    """Yield what nodes say of their Python and the data root, for each kind of job.

    Raises:
        StoreError: If the store can't be read.
    """
    kinds: dict[tuple[str, ...], list[tuple[str, Mapping[str, str]]]] = defaultdict(list)
    params = stored_params(settings)
    for use in cluster_uses(registry.jobs.values(), params, site_of(settings, environ)):
        if runs_elsewhere(use.master, ()) or use.master.startswith("spark://"):
            kind = tuple(use.properties.get(name, "") for name in _DECIDING)
            kinds[kind].append((use.spec.job_name, use.properties))
    if not kinds:
        yield "Nodes", "ok", "all jobs run on this machine"
    for kind, jobs in sorted(kinds.items()):
        names = some_sorted({name for name, _ in jobs})
        mode = f", {kind[1]} mode" if kind[1] else ""
        subject = f"Nodes of {kind[0]}{mode} ({names})"
        try:
            for state, text in probe(jobs[0][1], settings, environ):
                yield subject, state, text
        except SparkError as error:
            yield subject, "missing", str(error)
