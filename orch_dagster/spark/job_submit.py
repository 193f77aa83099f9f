"""Look up what the spark-submit of a landing job needs, and build its command."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from framework.contract.comma_list import comma_names
from framework.contract.formats import KUDU, format_of
from framework.contract.paths import as_location, is_absolute, is_local, resolve
from framework.contract.shared_paths import REMEDY, runs_elsewhere, unshared_paths
from framework.contract.system_settings import (
    PARAM_TYPE,
    PATHS_SHARED,
    PROXY_USER,
    SMALL,
    SPARK_PROFILE,
    SystemSetting,
)
from orch_dagster.bundle.bundle import ParamBundle
from orch_dagster.bundle.secrets import Secrets
from orch_dagster.control.connect import store_identity
from orch_dagster.control.kudu.address import parse_address
from orch_dagster.control.sys_params import MASTER, YARN_TAGS
from orch_dagster.registry.jobs import JobSpec
from orch_dagster.settings import Settings
from orch_dagster.spark.command import SubmitCommand
from orch_dagster.spark.cores import available_cores, local_master
from orch_dagster.spark.direct_start import direct_start
from orch_dagster.spark.driver_profile import driver_profile
from orch_dagster.spark.submit import (
    common_request,
    defaults_or_read,
    message_folder,
    script_path,
    secret_properties,
    travelling,
    write_command,
)
from orch_dagster.spark.submit_request import SubmitRequest
from orch_dagster.spark.yarn.messages import MessageFolder
from orch_dagster.spark.yarn.tags import attempt_tag, date_tags, job_tag
from orch_dagster.toolchain.errors import SubmitRefusedError
from orch_dagster.toolchain.find import find_spark, read_conf_texts
from orch_dagster.toolchain.jars import kudu_jar
from orch_dagster.toolchain.this_host import own_hosts

# What jobs/framework takes for the connector's option kudu.master where a table names none.
KUDU_MASTER = "spark.kudu.master"
# The tags of the run, of the attempt and of the job.
_OF_RUN = 3


@dataclass(frozen=True)
class JobSubmit:
    """A landing job to submit.

    Attributes:
        bundle: Its parameters.
        secrets: Those that the bundle does not hold.
        params_file: The run's own copy of the bundle.
        properties_file: Where properties go that can't stand in argv.
        log_file: The run's log.
        side_by_side: The most jobs of the run that run at once, this one with them.
        attempt: The attempt of the step, 1 for the first.
        spark_defaults: Those of spark-defaults.conf if they were read already.
    """

    bundle: ParamBundle
    secrets: Secrets
    params_file: Path
    properties_file: Path
    log_file: Path
    side_by_side: int = 1
    attempt: int = 1
    spark_defaults: Mapping[str, str] | None = None

    @property
    def attempt_tag(self) -> str:
        """The YARN tag of this attempt's application."""
        return attempt_tag(self.bundle.run_id, self.bundle.spec.job_name, self.attempt)


def prepare_job(
    job: JobSubmit,
    settings: Settings,
    pipes_env: Mapping[str, str],
    environ: Mapping[str, str] = os.environ,
) -> SubmitCommand:
    """Build the command of a landing job, and write its properties file.

    The file may hold secrets, and is only read when Spark starts: remove it afterwards.

    Args:
        job: The job.
        settings: The settings.
        pipes_env: The variables that name the job's result channel.
        environ: The environment that names Java and Spark.

    Raises:
        SparkError: If Java, Spark, the script, the HQL file or the jar for Kudu is missing, a
            Spark property is reserved, or executors can't see the job's files.
    """
    return write_command(job_request(job, settings, pipes_env, environ), environ)


def job_request(
    job: JobSubmit,
    settings: Settings,
    pipes_env: Mapping[str, str],
    environ: Mapping[str, str] = os.environ,
) -> SubmitRequest:
    """Return the settings of a landing job's spark-submit.

    Raises:
        SparkError: As `prepare_job` does.
    """
    bundle, secrets = job.bundle, job.secrets
    _require_hql(bundle, settings)
    common = common_request(settings, environ, job.spark_defaults)
    properties = _properties(job, settings, common.spark_defaults)
    _refuse_unshared_paths(bundle, settings, properties, common.spark_defaults)
    own_tags = properties.get(YARN_TAGS) or common.spark_defaults.get(YARN_TAGS)
    master = local_master(job.side_by_side, available_cores())
    spark, profile_name = find_spark(environ), _setting(bundle, SPARK_PROFILE)
    profile = driver_profile(
        profile_name,
        properties,
        common.spark_defaults,
        master,
        environ,
        read_conf_texts(spark, environ),
    )
    start = None
    if profile_name == SMALL:
        start = direct_start(spark, environ, common.conf_dir, platform=sys.platform)
    request = replace(
        common,
        script=_script(bundle, settings),
        app_name=f"{bundle.spec.job_name} {' '.join(bundle.biz_dts)}",
        run_id=bundle.run_id,
        params_file=str(job.params_file),
        log_file=str(job.log_file),
        log_max_bytes=settings.log_max_bytes,
        properties_file=str(job.properties_file),
        spark_properties={**profile.properties, **properties},
        secret_properties=secret_properties(properties, secrets, settings),
        driver_options=profile.java_options,
        direct_start=start,
        secret_variables=secrets.variables,
        secret_options=secrets.option_names,
        pipes_env=pipes_env,
        jars=_jars(bundle, settings, environ),
        proxy_user=_setting(bundle, PROXY_USER),
        default_master=master,
        attempt_tag=job.attempt_tag,
        tags=(
            job_tag_of(bundle.spec, settings),
            *date_tags(bundle.biz_dts, _OF_RUN + len(comma_names(own_tags))),
        ),
    )
    return travelling(request, settings)


def job_tag_of(spec: JobSpec, settings: Settings) -> str:
    """Return the YARN tag of a job's applications, of any run that lands the same data.

    Those of another home too, on whatever host, that has the same control store.
    """
    store = store_identity(settings.control_url, settings.home)
    base = as_location(settings.base_dir)
    starts = {_start(base, sink.path) for sink in spec.context.sinks if sink.is_staged}
    if not spec.context.sinks:
        # Where its script may land, nobody knows.
        starts = {base}
    return job_tag("\0".join([store, *sorted(starts)]), spec.job_name)


def _start(base: str, path: str) -> str:
    """Return what a path of files takes from the data root."""
    if not is_local(path):
        return ""
    return resolve(base, "/") if is_absolute(path) else base


def job_folder(
    job: JobSubmit, settings: Settings, environ: Mapping[str, str] = os.environ
) -> MessageFolder | None:
    """Return the folder by which a landing job reports, None if it reports by a file.

    Raises:
        SparkError: If Java or Spark is missing, or the job's master or deploy mode is refused.
    """
    defaults = defaults_or_read(job.spark_defaults, environ)
    properties = {**defaults, **_properties(job, settings, defaults)}
    bundle = job.bundle
    proxy_user = _setting(bundle, PROXY_USER)
    return message_folder(properties, bundle.run_id, bundle.spec.job_name, environ, proxy_user)


def _properties(
    job: JobSubmit, settings: Settings, spark_defaults: Mapping[str, str]
) -> dict[str, str]:
    """Return the job's Spark properties, with the store's Kudu masters unless others are named."""
    properties = {**job.bundle.params_of_type("spark"), **job.secrets.properties}
    if settings.is_on_kudu and KUDU_MASTER not in spark_defaults and _names_kudu(job.bundle):
        masters = ",".join(parse_address(settings.control_url).masters)
        return {KUDU_MASTER: masters, **properties}
    return properties


def _setting(bundle: ParamBundle, setting: SystemSetting[str]) -> str:
    """Return the value of a setting of the job."""
    given = bundle.params_of_type(PARAM_TYPE).get(setting.key) or setting.default
    if fault := setting.error(given):
        raise SubmitRefusedError(f"the sys_param {setting.key}: {fault}")
    return setting.parse(given)


def _refuse_unshared_paths(
    bundle: ParamBundle,
    settings: Settings,
    properties: Mapping[str, str],
    spark_defaults: Mapping[str, str],
) -> None:
    """Refuse a job whose executors run on other machines and whose files are on this one."""
    master = properties.get(MASTER) or spark_defaults.get(MASTER) or ""
    if not runs_elsewhere(master, own_hosts()):
        return
    shared = comma_names(_setting(bundle, PATHS_SHARED))
    paths = unshared_paths(bundle.spec.context, as_location(settings.base_dir), shared)
    if paths:
        raise SubmitRefusedError(
            f"the executors of {MASTER} {master!r} are on other machines, which don't see files of "
            f"this one: {'; '.join(map(str, paths))}. {REMEDY}",
            properties=(MASTER,),
        )


def _names_kudu(bundle: ParamBundle) -> bool:
    context = bundle.spec.context
    return any(format_of(part.format) is KUDU for part in (*context.sources, *context.sinks))


def _jars(bundle: ParamBundle, settings: Settings, environ: Mapping[str, str]) -> tuple[str, ...]:
    # Absolute: the job has another working folder.
    return (str(kudu_jar(settings.home, environ).absolute()),) if _names_kudu(bundle) else ()


def _script(bundle: ParamBundle, settings: Settings) -> str:
    spec = bundle.spec
    remedy = f"correct script_path of job_master (job_id={spec.job_id})"
    return script_path(spec.script_path, settings, spec.job_name, remedy)


def _require_hql(bundle: ParamBundle, settings: Settings) -> None:
    name = bundle.spec.context.hql
    if name and settings.hql_file(name) is None:
        raise SubmitRefusedError(
            f"the HQL of {bundle.spec.job_name} is missing: {settings.hql_dir / name}; put it "
            f"there or correct `hql` in context_params of job_master (job_id={bundle.spec.job_id})"
        )
