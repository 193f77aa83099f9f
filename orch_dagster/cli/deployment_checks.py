"""Name the jobs whose Spark properties are right by themselves and together start no run."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from framework.contract.some_of import some_sorted
from framework.contract.system_settings import PARAM_TYPE, PROXY_USER
from framework.contract.variables import JOB_VARIABLES
from orch_dagster.cli.cluster_uses import CheckedPart
from orch_dagster.control.key_names import ParamsByKeyName, values_of_type
from orch_dagster.control.records import SysParam
from orch_dagster.control.sys_params import DEPLOY_MODE, MASTER, SPARK_TYPE, property_fault
from orch_dagster.registry.cluster_paths import site_of
from orch_dagster.registry.jobs import JobSpec
from orch_dagster.settings import Settings
from orch_dagster.spark.deployment import (
    DEFAULT_MASTER,
    deployment_of,
    refuse_clashes,
    refuse_two_users,
)
from orch_dagster.toolchain.errors import SubmitRefusedError


def deployment_checks(
    settings: Settings,
    specs: Iterable[JobSpec],
    params: Iterable[SysParam],
    environ: Mapping[str, str] = os.environ,
) -> Iterator[CheckedPart]:
    """Yield a check for each clash that a run would refuse, with the jobs that have it.

    Args:
        settings: The settings.
        specs: The jobs.
        params: The sys_params of the environment.
        environ: The environment of Dagster's processes.
    """
    defaults = site_of(settings, environ).spark_defaults
    by_key_name = ParamsByKeyName(params)
    jobs: dict[str, set[str]] = defaultdict(set)
    for spec in specs:
        winning = by_key_name.winning(spec.key_names)
        proxy_user = values_of_type(winning, PARAM_TYPE).get(PROXY_USER.key, "").strip()
        if fault := clash(values_of_type(winning, SPARK_TYPE), defaults, proxy_user):
            jobs[fault].add(spec.job_name)
    for fault, names in sorted(jobs.items()):
        yield "Deployment", "missing", f"no run of {some_sorted(names)} starts: {fault}"


def clash(
    properties: Mapping[str, str], defaults: Mapping[str, str], proxy_user: str = ""
) -> str | None:
    """Return why a run would refuse a job's Spark properties together, None if it would not.

    Args:
        properties: The job's own.
        defaults: Those of spark-defaults.conf.
        proxy_user: The user as whom it asks the cluster.
    """
    # What is wrong by itself, the check of sys_params names.
    right = {name: value for name, value in properties.items() if not property_fault(name, value)}
    if any(properties.get(name) and name not in right for name in (MASTER, DEPLOY_MODE)):
        return None
    try:
        deployment = deployment_of(right, defaults, DEFAULT_MASTER)
        refuse_two_users(proxy_user, {**defaults, **right})
        refuse_clashes(right, deployment, JOB_VARIABLES)
    except SubmitRefusedError as error:
        return str(error)
    return None
