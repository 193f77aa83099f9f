"""Read which jobs use a cluster, and with which Spark properties."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from orch_dagster.control.connect import opened_store
from orch_dagster.control.key_names import ParamsByKeyName
from orch_dagster.control.records import SysParam, read_records
from orch_dagster.control.sys_params import MASTER, SPARK_TYPE
from orch_dagster.registry.cluster_paths import Site
from orch_dagster.registry.jobs import JobSpec
from orch_dagster.settings import Settings
from orch_dagster.spark.deployment import LOGIN
from orch_dagster.spark.yarn.gateway_command import login_of

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


def merged_properties(uses: Sequence[ClusterUse]) -> dict[str, str]:
    """Return the properties by which any of these jobs reaches Hadoop, with the login of one."""
    of_login = next((each.properties for each in uses if login_of(each.properties)), {})
    return {
        **{name: of_login[name] for name in LOGIN if name in of_login},
        **{
            name: value
            for each in uses
            for name, value in each.properties.items()
            if name.startswith("spark.hadoop.")
        },
    }
