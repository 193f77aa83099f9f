"""Name the jobs that are to share an application (spark.share) and land in their own."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence

from framework.contract.system_settings import PARAM_TYPE, SPARK_SHARE
from orch_dagster.cli.cluster_uses import CheckedPart
from orch_dagster.control.key_names import ParamsByKeyName, values_of_type
from orch_dagster.control.records import SysParam
from orch_dagster.control.sys_params import SPARK_TYPE
from orch_dagster.registry.cluster_paths import site_of
from orch_dagster.registry.jobs import JobSpec
from orch_dagster.settings import Settings
from orch_dagster.spark.sharing import sharing_fault


def sharing_checks(
    settings: Settings,
    specs: Iterable[JobSpec],
    params: Sequence[SysParam],
    environ: Mapping[str, str] = os.environ,
) -> Iterator[CheckedPart]:
    """Yield a check for each job that asks for a shared application and can't have one.

    Args:
        settings: The settings.
        specs: The jobs.
        params: The sys_params of the environment.
        environ: The environment of Dagster's processes.
    """
    if not any(row.param_key == SPARK_SHARE.key for row in params):
        return
    defaults = site_of(settings, environ).spark_defaults
    by_key_name = ParamsByKeyName(params)
    for spec in specs:
        winning = by_key_name.winning(spec.key_names)
        given = values_of_type(winning, PARAM_TYPE).get(SPARK_SHARE.key) or SPARK_SHARE.default
        # The check of sys_params names a value that is none.
        if SPARK_SHARE.error(given) or SPARK_SHARE.parse(given) == "off":
            continue
        if fault := sharing_fault(spec, settings, values_of_type(winning, SPARK_TYPE), defaults):
            text = (
                f"{spec.job_name} has {SPARK_SHARE.key} {given} and lands in a Spark application "
                f"of its own, as {fault}"
            )
            yield "Sharing", "warning", text
