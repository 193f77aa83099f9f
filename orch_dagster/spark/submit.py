"""A bundle and the settings to the command of its spark-submit: what has to be looked up for it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from framework.contract.formats import KUDU, format_of
from framework.contract.secret_names import is_secret
from orch_dagster.bundle.bundle import ParamBundle
from orch_dagster.bundle.secrets import Secrets
from orch_dagster.control.kudu.address import parse_address
from orch_dagster.files import write_atomically
from orch_dagster.settings import Settings
from orch_dagster.spark.command import Platform, SubmitCommand, SubmitRequest, build_command
from orch_dagster.spark.py_files import framework_archive, pipes_archive
from orch_dagster.toolchain.errors import SubmitRefusedError
from orch_dagster.toolchain.find import find_java, find_spark, read_spark_defaults
from orch_dagster.toolchain.jars import kudu_jar
from orch_dagster.toolchain.properties import format_properties

# What jobs/framework takes for the connector's option kudu.master where a table names none.
KUDU_MASTER = "spark.kudu.master"


def prepare_submit(
    bundle: ParamBundle,
    settings: Settings,
    *,
    secrets: Secrets,
    params_file: Path,
    log_file: Path,
    pipes_env: Mapping[str, str],
    environ: Mapping[str, str] = os.environ,
) -> SubmitCommand:
    """Look up what the job needs and build its command; its properties file is written.

    The file may hold secrets, and is only read when Spark starts: remove it afterwards.

    Args:
        bundle: The job's parameters.
        settings: Ours.
        secrets: The job's, which the bundle does not hold.
        params_file: The run's own copy of the bundle.
        log_file: The run's log.
        pipes_env: Variables by which the job finds its result channel.
        environ: Where Java and Spark are looked for.

    Raises:
        SparkError: No usable Java or Spark, a script or HQL file that is not there, Spark
            properties that clash with ours, or no jar for a source or sink of Kudu.
    """
    java, spark = find_java(environ), find_spark(environ)
    cache = settings.state_dir / "pyfiles"
    jobs_dir = settings.jobs_dir
    defaults = read_spark_defaults(spark, environ)
    properties = _properties(bundle, settings, secrets, defaults)
    request = SubmitRequest(
        spark_home=str(spark.home),
        spark_submit=str(spark.submit),
        java_home=str(java.home),
        python=sys.executable,
        script=_script(bundle, jobs_dir),
        app_name=f"{bundle.spec.job_name} {' '.join(bundle.biz_dts)}",
        run_id=bundle.run_id,
        framework_dir=str(jobs_dir),
        params_file=str(params_file),
        log_file=str(log_file),
        base_dir=settings.base_dir,
        sql_dir=str(settings.hql_dir),
        properties_file=str(params_file.with_suffix(".properties")),
        hql_file=_hql(bundle, settings.hql_dir),
        spark_properties=properties,
        secret_properties=_secret_properties(properties, secrets, settings),
        secret_variables=secrets.variables,
        secret_options=secrets.option_names,
        spark_defaults=defaults,
        pipes_env=pipes_env,
        py_files=(str(framework_archive(jobs_dir, cache)), str(pipes_archive(cache))),
        jars=_jars(bundle, settings, environ),
    )
    command = build_command(request, cast(Platform, sys.platform))
    if command.properties:
        write_atomically(Path(command.properties_file), format_properties(command.properties))
    return command


def _properties(
    bundle: ParamBundle,
    settings: Settings,
    secrets: Secrets,
    spark_defaults: Mapping[str, str],
) -> dict[str, str]:
    """The job's own, and the control store's masters of Kudu where nothing else names some."""
    found = {**bundle.params_of_type("spark"), **secrets.properties}
    if settings.is_on_kudu and KUDU_MASTER not in spark_defaults and _names_kudu(bundle):
        masters = ",".join(parse_address(settings.control_url).masters)
        return {KUDU_MASTER: masters, **found}
    return found


def _secret_properties(
    properties: Mapping[str, str], secrets: Secrets, settings: Settings
) -> frozenset[str]:
    """Those that are secrets, by their own row or by their key, or hold one."""
    return frozenset(
        name
        for name, value in properties.items()
        if name in secrets.properties
        or is_secret(name, value, settings.secret_patterns)
        or secrets.mask(value) != value
    )


def _names_kudu(bundle: ParamBundle) -> bool:
    context = bundle.spec.context
    return any(format_of(part.format) is KUDU for part in (*context.sources, *context.sinks))


def _jars(bundle: ParamBundle, settings: Settings, environ: Mapping[str, str]) -> tuple[str, ...]:
    # Absolute: the job has another working folder.
    return (str(kudu_jar(settings.home, environ).absolute()),) if _names_kudu(bundle) else ()


def _script(bundle: ParamBundle, jobs_dir: Path) -> str:
    script = bundle.spec.script_path
    if "://" in script:
        return script
    path = jobs_dir / script
    if not path.is_file():
        raise SubmitRefusedError(
            f"the script of {bundle.spec.job_name} is not there: {path}; put it there or mend "
            f"script_path of job_master (job_id={bundle.spec.job_id})"
        )
    return str(path)


def _hql(bundle: ParamBundle, hql_dir: Path) -> str | None:
    name = bundle.spec.context.hql
    if not name:
        return None
    path = hql_dir / name
    if not path.is_file():
        raise SubmitRefusedError(
            f"the HQL of {bundle.spec.job_name} is not there: {path}; put it there or mend `hql` "
            f"in context_params of job_master (job_id={bundle.spec.job_id})"
        )
    return str(path)
