"""Where a job's driver runs, and which properties and variables would break our promises."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from framework.contract import variables
from framework.contract.secret_names import SPARK_REDACTION_DEFAULT
from orch_dagster.toolchain.errors import SubmitRefusedError

MASTER = "spark.master"
DEPLOY_MODE = "spark.submit.deployMode"
AM_ENV = "spark.yarn.appMasterEnv."
WAIT = "spark.yarn.submit.waitAppCompletion"
ATTEMPTS = "spark.yarn.maxAppAttempts"
DEFAULT_MASTER = "local[*]"

# Values a cluster-mode job may not change, and what would happen if it did.
_FIXED_IN_CLUSTER = {
    WAIT: ("true", "spark-submit would end before the job does, so its end would be unknown"),
    ATTEMPTS: ("1", "YARN would run a job that fails a second time"),
}
_SENSITIVE = re.compile(SPARK_REDACTION_DEFAULT)
# What spark-submit or a JVM of it gets as an argument, or we read and show.
_PARTS_OF_COMMAND = re.compile(
    r"spark\.(master|app\.name|jars|files|redaction\.regex|submit\..*|yarn\.(tags|archives|jars)"
    r"|(driver|executor|yarn\.am)\.(defaultJavaOptions|extraJavaOptions|extraClassPath"
    r"|extraLibraryPath|memory|cores))"
)
# What a node manager's launch script, which has it in double quotes, and YARN itself replace.
_EXPANDED = re.compile(r'[\\"$`]')
_MARKED = re.compile(r"[{}<]")
# The job's contract, and what starts Python, Java and Spark.
_OWN_VARIABLES = frozenset(
    {*variables.JOB_VARIABLES, variables.SECRET_NAMES}
    | {"JAVA_HOME", "CLASSPATH", "PATH", "HOME", "LD_LIBRARY_PATH"}
    | {"HADOOP_HOME", "HADOOP_CONF_DIR", "YARN_CONF_DIR"}
)
_OWN_PREFIXES = ("ORCH_", "DAGSTER_", variables.MOVED_SECRET_PREFIX, "SPARK_", "PYSPARK_", "PYTHON")


@dataclass(frozen=True)
class Deployment:
    """A master and a deploy mode that go together."""

    master: str
    deploy_mode: str

    @property
    def is_yarn(self) -> bool:
        """Whether YARN runs the executors."""
        return self.master == "yarn"

    @property
    def is_cluster(self) -> bool:
        """Whether the driver runs on the cluster, where local paths mean nothing."""
        return self.deploy_mode == "cluster"


def deployment_of(properties: Mapping[str, str], defaults: Mapping[str, str]) -> Deployment:
    """Read master and deploy mode: a job's own, else spark-defaults.conf, else local and client.

    Raises:
        SubmitRefusedError: the two don't go together, or one is unknown.
    """
    master = (properties.get(MASTER) or defaults.get(MASTER) or DEFAULT_MASTER).strip()
    mode = (properties.get(DEPLOY_MODE) or defaults.get(DEPLOY_MODE) or "client").strip().lower()
    if mode not in ("client", "cluster"):
        raise SubmitRefusedError(
            f"{DEPLOY_MODE} is {mode!r}: set it to client or cluster", properties=(DEPLOY_MODE,)
        )
    if master != "yarn" and not master.startswith(("local", "spark://", "k8s://", "mesos://")):
        raise SubmitRefusedError(
            f"{MASTER} is {master!r}: set it to local[N], spark://HOST:PORT, yarn or k8s://URL",
            properties=(MASTER,),
        )
    if mode == "cluster" and master != "yarn":
        raise SubmitRefusedError(
            f"{DEPLOY_MODE}=cluster does not go with {MASTER}={master}: Python jobs run in "
            f"cluster mode on YARN only; set {DEPLOY_MODE} to client",
            properties=(MASTER, DEPLOY_MODE),
        )
    return Deployment(master, mode)


def is_sensitive(name: str) -> bool:
    """Whether Spark itself would hide a property of this name; such a value stays out of argv."""
    return _SENSITIVE.search(name) is not None


def is_part_of_command(name: str) -> bool:
    """Whether a property ends up in an argument of some process, where others may see it."""
    return _PARTS_OF_COMMAND.fullmatch(name) is not None


def is_own_variable(name: str) -> bool:
    """Whether a variable is one by which a job is started, so that it can't hold anything else."""
    # In any case of letters, as Windows has them.
    upper = name.upper()
    return upper in _OWN_VARIABLES or upper.startswith(_OWN_PREFIXES)


def container_variables(variables: Mapping[str, str]) -> dict[str, str]:
    r"""Return the properties by which a driver in a YARN container finds these variables.

    Its launch script is one of bash, where a value stands in double quotes: `export A="<value>"`.

    >>> print(container_variables({"A": 'b"$c{{d'})["spark.yarn.appMasterEnv.A"])
    b\"\$c{""{""d
    """
    return {
        # "" ends the quotes and begins them again, so that YARN sees no {{ }} or <CPS> of its own.
        AM_ENV + name: _MARKED.sub(r'\g<0>""', _EXPANDED.sub(r"\\\g<0>", value))
        for name, value in variables.items()
    }


def refuse_clashes(
    properties: Mapping[str, str], deployment: Deployment, own_variables: Collection[str]
) -> None:
    """Refuse the properties under which a run could not be started, followed or believed.

    Args:
        properties: The job's own Spark properties.
        deployment: Where the job runs.
        own_variables: Environment variables of ours that a cluster-mode job needs.

    Raises:
        SubmitRefusedError: all of them at once, each with its reason.
    """
    problems = {name: why for name in sorted(properties) if (why := _malformed(name, properties))}
    if deployment.is_cluster:
        for name, (only, harm) in _FIXED_IN_CLUSTER.items():
            if properties.get(name, only).strip() != only:
                problems[name] = f"must be {only} in cluster mode: {harm}"
        for variable in sorted(own_variables):
            if AM_ENV + variable in properties:
                problems[AM_ENV + variable] = "is set by the orchestrator for each run"
    if problems:
        listed = "; ".join(f"{name} {why}" for name, why in problems.items())
        raise SubmitRefusedError(
            f"sys_params hold Spark properties that can't be used: {listed}. "
            "Change or delete these rows",
            properties=tuple(problems),
        )


def _malformed(name: str, properties: Mapping[str, str]) -> str | None:
    if not name.startswith("spark."):
        return "does not begin with 'spark.', so spark-submit would ignore it"
    if re.search(r"[\s=\x00]", name):
        return "has a space or an equals sign in its name"
    if "\x00" in properties[name]:
        return "has a NUL character in its value"
    return None
