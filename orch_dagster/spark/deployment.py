"""The deployment of a job's driver, and the properties and variables that it excludes."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from framework.contract.secret_names import SPARK_REDACTION_DEFAULT
from orch_dagster.control.sys_params import (
    DEPLOY_MODE,
    MASTER,
    is_deploy_mode,
    is_master,
    property_fault,
)
from orch_dagster.toolchain.errors import SubmitRefusedError

AM_ENV = "spark.yarn.appMasterEnv."
# Whether the submit's process waits for the end of its application.
WAIT = "spark.yarn.submit.waitAppCompletion"
ATTEMPTS = "spark.yarn.maxAppAttempts"
DEFAULT_MASTER = "local[*]"
# Of Kerberos: by their names, and by those of older Sparks.
PRINCIPAL = ("spark.kerberos.principal", "spark.yarn.principal")
KEYTAB = ("spark.kerberos.keytab", "spark.yarn.keytab")
LOGIN = (*PRINCIPAL, *KEYTAB)

# Values that a cluster-mode job must not change, and the consequence if it did.
_FIXED_IN_CLUSTER = {
    ATTEMPTS: ("1", "YARN would run a job that fails a second time"),
}
_SENSITIVE = re.compile(SPARK_REDACTION_DEFAULT)
# Characters that a node manager's launch script expands within double quotes, and those of YARN's
# own placeholders.
_EXPANDED = re.compile(r'[\\"$`]')
_MARKED = re.compile(r"[{}<]")


@dataclass(frozen=True)
class Deployment:
    """A valid pair of master and deploy mode."""

    master: str
    deploy_mode: str

    @property
    def is_local(self) -> bool:
        """True if driver and executors are one process of this machine."""
        return self.master.startswith("local")

    @property
    def is_yarn(self) -> bool:
        """True if YARN runs the executors."""
        return self.master == "yarn"

    @property
    def has_containers(self) -> bool:
        """True if the executors run in containers of YARN or Kubernetes."""
        return self.is_yarn or self.master.startswith("k8s://")

    @property
    def is_cluster(self) -> bool:
        """True if the driver runs on the cluster, where local paths have no meaning."""
        return self.deploy_mode == "cluster"


def deployment_of(
    properties: Mapping[str, str], defaults: Mapping[str, str], default_master: str
) -> Deployment:
    """Read master and deploy mode: a job's own, else spark-defaults.conf, else local and client.

    Raises:
        SubmitRefusedError: If one is unknown, or the two can't be combined.
    """
    master = (properties.get(MASTER) or defaults.get(MASTER) or default_master).strip()
    mode = (properties.get(DEPLOY_MODE) or defaults.get(DEPLOY_MODE) or "client").strip().lower()
    if not is_deploy_mode(mode):
        raise SubmitRefusedError(
            f"{DEPLOY_MODE} is {mode!r}: set it to client or cluster", properties=(DEPLOY_MODE,)
        )
    if not is_master(master):
        raise SubmitRefusedError(
            f"{MASTER} is {master!r}: set it to local[N], spark://HOST:PORT, yarn or k8s://URL",
            properties=(MASTER,),
        )
    if mode == "cluster" and master != "yarn":
        raise SubmitRefusedError(
            f"{DEPLOY_MODE}=cluster can't be combined with {MASTER}={master}: Python jobs run in "
            f"cluster mode on YARN only; set {DEPLOY_MODE} to client",
            properties=(MASTER, DEPLOY_MODE),
        )
    return Deployment(master, mode)


def is_sensitive(name: str) -> bool:
    """Return whether Spark redacts a property of this name, so that argv must not have it."""
    return _SENSITIVE.search(name) is not None


def container_variables(variables: Mapping[str, str]) -> dict[str, str]:
    r"""Return the properties that set these variables for a driver in a YARN container.

    Its launch script is in bash and has the value in double quotes: `export A="<value>"`.

    >>> print(container_variables({"A": 'b"$c{{d'})["spark.yarn.appMasterEnv.A"])
    b\"\$c{""{""d
    """
    return {
        # "" closes and reopens the quotes, so that YARN sees none of its own {{ }} or <CPS>.
        AM_ENV + name: _MARKED.sub(r'\g<0>""', _EXPANDED.sub(r"\\\g<0>", value))
        for name, value in variables.items()
    }


def refuse_clashes(
    properties: Mapping[str, str], deployment: Deployment, own_variables: Collection[str]
) -> None:
    """Refuse properties that would prevent a run's start, its supervision or a proof of its end.

    Args:
        properties: The job's own Spark properties.
        deployment: The job's deployment.
        own_variables: Environment variables that a cluster-mode job needs from the orchestrator.

    Raises:
        SubmitRefusedError: If there are such properties; it names all, each with its reason.
    """
    problems = {
        name: fault
        for name in sorted(properties)
        if (fault := property_fault(name, properties[name]))
    }
    if deployment.is_cluster:
        for name, (only, harm) in _FIXED_IN_CLUSTER.items():
            if properties.get(name, only).strip() != only:
                problems[name] = f"must be {only} in cluster mode: {harm}"
        for variable in sorted(own_variables):
            if AM_ENV + variable in properties:
                problems[AM_ENV + variable] = "is set by the orchestrator for each run"
    if problems:
        listed = "; ".join(f"{name} {fault}" for name, fault in problems.items())
        raise SubmitRefusedError(
            f"Spark properties that can't be used: {listed}. Change or remove them; those of a "
            "landing job are rows of sys_params",
            properties=tuple(problems),
        )


def refuse_two_users(proxy_user: str, properties: Mapping[str, str]) -> None:
    """Refuse a proxy user beside a principal, of which spark-submit takes one.

    Raises:
        SubmitRefusedError: If both are given.
    """
    names = tuple(name for name in LOGIN if properties.get(name))
    if proxy_user and names:
        raise SubmitRefusedError(
            f"proxy.user {proxy_user!r} and {' and '.join(names)} can't be combined, as "
            "spark-submit logs in once: remove one of them",
            properties=names,
        )
