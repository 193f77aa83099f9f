"""Find the application of a submit before anybody knows its id."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from orch_dagster.spark.deployment import LOGIN, WAIT, Deployment
from orch_dagster.spark.yarn.gateway_command import (
    STAGING,
    gateway_command,
    hadoop_properties,
    login_of,
)

# Of the kill by a supervisor whose orchestrator is dead.
_END_WITHIN_S = 120
# By which its cluster is reached, beside Hadoop's own.
_OF_CLUSTER = frozenset({STAGING, *LOGIN})
# Executors are asked for when there are tasks.
_ON_DEMAND = "spark.dynamicAllocation.enabled"


@dataclass(frozen=True)
class SubmittedApplication:
    """The application of a submit whose master is YARN.

    Attributes:
        tag: The tag that no other application has.
        is_cluster: Whether its driver runs on the cluster.
        properties: The Spark properties by which its cluster is reached.
        secret_properties: Those of them that may stand in no argument.
        waits: Whether the submit's process waits for its end.
        needs_executors: Whether it asks for executors as soon as it has started.
    """

    tag: str
    is_cluster: bool
    properties: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    secret_properties: frozenset[str] = frozenset()
    waits: bool = False
    needs_executors: bool = True

    @classmethod
    def of(
        cls,
        tag: str,
        deployment: Deployment,
        properties: Mapping[str, str],
        hidden: Collection[str],
    ) -> SubmittedApplication | None:
        """Return the application of a submit with these Spark properties, None without YARN."""
        if not tag or not deployment.is_yarn:
            return None
        of_cluster = {
            name: value
            for name, value in properties.items()
            if name in _OF_CLUSTER or name.startswith("spark.hadoop.")
        }
        return cls(
            tag,
            deployment.is_cluster,
            of_cluster,
            frozenset(of_cluster) & frozenset(hidden),
            properties.get(WAIT, "true").strip().lower() != "false",
            properties.get(_ON_DEMAND, "false").strip().lower() != "true",
        )

    @property
    def shown_properties(self) -> dict[str, str]:
        """The properties without the secrets among them."""
        return {k: v for k, v in self.properties.items() if k not in self.secret_properties}

    def end_command(self, environ: Mapping[str, str]) -> tuple[str, ...]:
        """Return the command that ends the application, for a supervisor.

        Raises:
            SparkError: If the environment names no cluster, or Java or Spark is missing.
        """
        shown = self.shown_properties
        request = {
            "properties": hadoop_properties(shown),
            "staging": shown.get(STAGING),
            "login": login_of(shown),
            "why": "its orchestrator is dead",
        }
        command = [*gateway_command(environ), "--end", self.tag]
        return (*command, "--within", str(_END_WITHIN_S), "--request", json.dumps(request))
