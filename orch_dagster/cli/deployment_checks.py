"""Name the jobs whose Spark properties are right by themselves and together start no run."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping

from framework.contract.some_of import some_sorted
from framework.contract.system_settings import PARAM_TYPE, PROXY_USER
from framework.contract.variables import JOB_VARIABLES
from orch_dagster.cli.cluster_uses import CheckedPart
from orch_dagster.control.key_names import ParamsByKeyName, values_of_type
from orch_dagster.control.records import JobMaster, SysParam
from orch_dagster.control.sys_params import DEPLOY_MODE, MASTER, SPARK_TYPE, property_fault
from orch_dagster.control.tables import JOB_MASTER, SYS_PARAMS, Row
from orch_dagster.registry.changes import Rows
from orch_dagster.registry.cluster_paths import site_of
from orch_dagster.registry.finding import Finding
from orch_dagster.registry.hql_files import spec_of_row
from orch_dagster.registry.jobs import JobSpec
from orch_dagster.registry.plan import Plan
from orch_dagster.settings import Settings
from orch_dagster.spark.deployment import (
    AM_ENV,
    ATTEMPTS,
    DEFAULT_MASTER,
    LOGIN,
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
    for fault, names in sorted(_jobs_by_clash(specs, params, defaults).items()):
        yield "Deployment", "missing", _text(fault, names)


def clash_warnings(
    plan: Plan, settings: Settings, environ: Mapping[str, str] = os.environ
) -> Iterator[Finding]:
    """Yield a warning for each clash that sys_params of a plan bring to this environment.

    None is refused, as Spark's defaults may be others where the jobs run.
    """
    changed = [row for each in plan.changes if each.table is SYS_PARAMS for row in each.rows]
    deciding = [
        row
        for each in changed
        if (row := each.new or each.old) and row["environment"] == settings.env and _decides(row)
    ]
    if not deciding:
        return
    defaults = site_of(settings, environ).spark_defaults

    def clashes(rows: Rows) -> dict[str, set[str]]:
        specs = map(spec_of_row, map(JobMaster.from_row, rows[JOB_MASTER.name]))
        params = map(SysParam.from_row, rows[SYS_PARAMS.name])
        ours = [each for each in params if each.environment == settings.env]
        return _jobs_by_clash(filter(None, specs), ours, defaults)

    before, after = clashes(plan.before), clashes(plan.after)
    for fault, names in sorted(after.items()):
        if new := names - before.get(fault, set()):
            key = SYS_PARAMS.key_text(deciding[0])
            yield Finding(SYS_PARAMS.name, key, _text(fault, new), "", is_warning=True)


def _decides(row: Row) -> bool:
    key = str(row["param_key"])
    return key in (MASTER, DEPLOY_MODE, ATTEMPTS, PROXY_USER.key, *LOGIN) or key.startswith(AM_ENV)


def _jobs_by_clash(
    specs: Iterable[JobSpec], params: Iterable[SysParam], defaults: Mapping[str, str]
) -> dict[str, set[str]]:
    """Return the names of the jobs of each clash."""
    by_key_name = ParamsByKeyName(params)
    jobs: dict[str, set[str]] = defaultdict(set)
    for spec in specs:
        winning = by_key_name.winning(spec.key_names)
        proxy_user = values_of_type(winning, PARAM_TYPE).get(PROXY_USER.key, "").strip()
        if fault := clash(values_of_type(winning, SPARK_TYPE), defaults, proxy_user):
            jobs[fault].add(spec.job_name)
    return jobs


def _text(fault: str, names: Collection[str]) -> str:
    return f"no run of {some_sorted(names)} starts: {fault}"


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
