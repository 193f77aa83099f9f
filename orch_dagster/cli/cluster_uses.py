"""Read which jobs use a cluster, and with which Spark properties."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from orch_dagster.control.connect import opened_store
from orch_dagster.control.key_names import ParamsByKeyName
from orch_dagster.control.records import SysParam, read_records
from orch_dagster.control.sys_params import MASTER, SPARK_TYPE
from orch_dagster.registry.cluster_paths import Site
from orch_dagster.registry.jobs import JobSpec
from orch_dagster.settings import Settings
from orch_dagster.spark.yarn.gateway_command import hadoop_properties, login_of
from orch_dagster.spark.yarn.spark_archive import ARCHIVE, JARS

CheckedPart = tuple[str, Literal["ok", "warning", "missing"], str]
"""The subject, the state and the finding."""


@dataclass(frozen=True)
class ClusterUse:
    """A job with its Spark properties, without those that are secrets."""

    spec: JobSpec
    properties: Mapping[str, str]

    @property
    def master(self) -> str:
        """Its master, '' if neither a row nor spark-defaults.conf names one."""
        return self.properties.get(MASTER, "").strip()

    @property
    def is_on_yarn(self) -> bool:
        """True if YARN runs its executors."""
        return self.master == "yarn"

    @property
    def jars(self) -> tuple[str, str] | None:
        """The property that names Spark's jars on its file system, with its value, if one does."""
        # With an archive Spark does not look at the jars.
        named = ((name, self.properties.get(name, "").strip()) for name in (ARCHIVE, JARS))
        return next((each for each in named if each[1]), None)


def stored_params(settings: Settings) -> list[SysParam]:
    """Read the sys_params of the environment.

    Raises:
        StoreError: If the store can't be read.
    """
    with opened_store(settings) as store:
        return read_records(store, SysParam, {"environment": settings.env})


def cluster_uses(
    specs: Iterable[JobSpec], params: Iterable[SysParam], site: Site
) -> Iterator[ClusterUse]:
    """Yield each job with its Spark properties.

    Args:
        specs: The jobs.
        params: The sys_params of the environment.
        site: What this machine knows.
    """
    by_key_name = ParamsByKeyName(params)
    for spec in specs:
        own = by_key_name.winning_of_type(spec.key_names, SPARK_TYPE)
        yield ClusterUse(spec, {**site.spark_defaults, **own})


def by_reach(uses: Iterable[ClusterUse]) -> list[list[ClusterUse]]:
    """Return the jobs that reach Hadoop by the same properties and login, together."""
    found: dict[tuple[frozenset[tuple[str, str]], ...], list[ClusterUse]] = defaultdict(list)
    for each in uses:
        login = login_of(each.properties) or {}
        reach = (hadoop_properties(each.properties), login)
        found[tuple(frozenset(part.items()) for part in reach)].append(each)
    return list(found.values())
