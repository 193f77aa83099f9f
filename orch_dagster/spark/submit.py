"""Look up what a spark-submit needs, and build its command: of a landing job or of any script."""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

from framework.contract.comma_list import comma_names
from framework.contract.formats import KUDU, format_of
from framework.contract.paths import as_location
from framework.contract.secret_names import is_secret
from framework.contract.shared_paths import REMEDY, runs_elsewhere, unshared_paths
from framework.contract.spark_defaults import LOCAL_IP
from framework.contract.system_settings import (
    PARAM_TYPE,
    PATHS_SHARED,
    PROXY_USER,
    SPARK_PROFILE,
    SystemSetting,
)
from orch_dagster.bundle.bundle import ParamBundle
from orch_dagster.bundle.secrets import Secrets
from orch_dagster.control.kudu.address import parse_address
from orch_dagster.control.sys_params import MASTER
from orch_dagster.files import write_atomically
from orch_dagster.settings import Settings
from orch_dagster.spark.command import SubmitCommand, SubmitRequest, build_command
from orch_dagster.spark.cores import available_cores, local_master
from orch_dagster.spark.deployment import DEFAULT_MASTER, deployment_of
from orch_dagster.spark.driver_profile import driver_profile, submitter_options
from orch_dagster.spark.py_files import (
    framework_archive,
    hql_archive,
    modules_archive,
    pipes_archive,
)
from orch_dagster.spark.spark_log import has_log_config, log_config
from orch_dagster.spark.system_paths import Platform
from orch_dagster.spark.yarn.gateway import YarnClient, shared_gateway
from orch_dagster.spark.yarn.gateway_command import STAGING
from orch_dagster.spark.yarn.messages import MessageFolder, folder_path
from orch_dagster.spark.yarn.tags import attempt_tag, date_tags, job_tag
from orch_dagster.toolchain.class_data import (
    ClassData,
    archive_folder,
    driver_classes,
    find_class_data,
)
from orch_dagster.toolchain.errors import HadoopHomeError, SubmitRefusedError
from orch_dagster.toolchain.find import (
    JavaHome,
    SparkHome,
    find_java,
    find_spark,
    read_spark_defaults,
)
from orch_dagster.toolchain.jars import kudu_jar
from orch_dagster.toolchain.properties import format_properties
from orch_dagster.toolchain.this_host import own_hosts
from orch_dagster.toolchain.windows_tools import LOCAL_FILES, hadoop_bin, missing_windows_tools

# What jobs/framework takes for the connector's option kudu.master where a table names none.
KUDU_MASTER = "spark.kudu.master"


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


@dataclass(frozen=True)
class ScriptSubmit:
    """Any script to submit.

    Attributes:
        script: An absolute path, one relative to the jobs folder, or a URL that Spark can read.
        app_name: The name that Spark shows.
        run_id: Dagster's run id.
        properties_file: The file of the properties that argv must not show.
        arguments: The script's arguments.
        properties: Spark properties.
        variables: Environment variables of the driver.
        secrets: More of both; their values stay out of argv.
        py_files: Archives and modules that are shipped with the script.
        files: Files that are shipped with it.
        jars: The jars of the driver and the executors.
        spark_defaults: Those of spark-defaults.conf if they were read already.
    """

    script: str
    app_name: str
    run_id: str
    properties_file: Path
    arguments: tuple[str, ...] = ()
    properties: Mapping[str, str] = field(default_factory=dict[str, str])
    variables: Mapping[str, str] = field(default_factory=dict[str, str])
    secrets: Secrets = field(default_factory=Secrets)
    py_files: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    jars: tuple[str, ...] = ()
    spark_defaults: Mapping[str, str] | None = None


def spark_defaults_of(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the properties of spark-defaults.conf.

    Raises:
        SparkError: If Spark is missing.
        OSError: If the file can't be read.
    """
    return read_spark_defaults(find_spark(environ), environ)


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
    common = _common_request(settings, environ, job.spark_defaults)
    properties = _properties(job, settings, common.spark_defaults)
    _refuse_unshared_paths(bundle, settings, properties, common.spark_defaults)
    master = local_master(job.side_by_side, available_cores())
    profile = driver_profile(
        _setting(bundle, SPARK_PROFILE), properties, common.spark_defaults, master, environ
    )
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
        secret_properties=_secret_properties(properties, secrets, settings),
        driver_options=profile.java_options,
        secret_variables=secrets.variables,
        secret_options=secrets.option_names,
        pipes_env=pipes_env,
        jars=_jars(bundle, settings, environ),
        proxy_user=_setting(bundle, PROXY_USER),
        default_master=master,
        attempt_tag=job.attempt_tag,
        tags=(job_tag_of(bundle.spec.job_name, settings), *date_tags(bundle.biz_dts)),
    )
    return _travelling(request, settings)


def prepare_script(
    script: ScriptSubmit,
    settings: Settings,
    pipes_env: Mapping[str, str],
    environ: Mapping[str, str] = os.environ,
) -> SubmitCommand:
    """Build the command of a script, as `prepare_job` does.

    Raises:
        SparkError: If Java, Spark or the script is missing, or a Spark property or variable is
            reserved.
    """
    common = _common_request(settings, environ, script.spark_defaults)
    properties = {**script.properties, **script.secrets.properties}
    request = replace(
        common,
        script=_script_path(script.script, settings, script.app_name, "give its absolute path"),
        app_name=script.app_name,
        run_id=script.run_id,
        properties_file=str(script.properties_file),
        arguments=script.arguments,
        variables=script.variables,
        spark_properties=properties,
        secret_properties=_secret_properties(properties, script.secrets, settings),
        secret_variables=script.secrets.variables,
        pipes_env=pipes_env,
        py_files=(*common.py_files, *script.py_files),
        files=script.files,
        jars=script.jars,
        # The file's name has what is unique within the run.
        attempt_tag=attempt_tag(script.run_id, script.properties_file.stem),
    )
    return write_command(_travelling(request, settings), environ)


def job_tag_of(job_name: str, settings: Settings) -> str:
    """Return the YARN tag of a job's applications, of any run that lands the same data."""
    return job_tag(f"{settings.control_url} {settings.home} {settings.base_dir}", job_name)


def job_folder(
    job: JobSubmit, settings: Settings, environ: Mapping[str, str] = os.environ
) -> MessageFolder | None:
    """Return the folder by which a landing job reports, None if it reports by a file.

    Raises:
        SparkError: If Java or Spark is missing, or the job's master or deploy mode is refused.
    """
    defaults = _defaults(job.spark_defaults, environ)
    properties = {**defaults, **_properties(job, settings, defaults)}
    bundle = job.bundle
    proxy_user = _setting(bundle, PROXY_USER)
    return _message_folder(properties, bundle.run_id, bundle.spec.job_name, environ, proxy_user)


def script_folder(
    script: ScriptSubmit, environ: Mapping[str, str] = os.environ
) -> MessageFolder | None:
    """Return the folder by which a script reports, as `job_folder` does.

    Raises:
        SparkError: As `job_folder` does.
    """
    defaults = _defaults(script.spark_defaults, environ)
    properties = {**defaults, **script.properties, **script.secrets.properties}
    return _message_folder(properties, script.run_id, script.app_name, environ)


def _message_folder(
    properties: Mapping[str, str],
    run_id: str,
    name: str,
    environ: Mapping[str, str],
    proxy_user: str = "",
) -> MessageFolder | None:
    if not deployment_of(properties, {}, DEFAULT_MASTER).is_cluster:
        return None
    # A path below a home folder would mean the orchestrator's to one side, the user's to the other.
    staging = properties.get(STAGING) or (f"/user/{proxy_user}" if proxy_user else "")
    # Of this attempt alone: an earlier one may have left its own.
    path = folder_path(staging, run_id, f"{name}-{uuid.uuid4().hex[:8]}")
    return MessageFolder(YarnClient.of(shared_gateway(environ), properties), path)


def _defaults(read: Mapping[str, str] | None, environ: Mapping[str, str]) -> Mapping[str, str]:
    return spark_defaults_of(environ) if read is None else read


def _common_request(
    settings: Settings, environ: Mapping[str, str], read_defaults: Mapping[str, str] | None
) -> SubmitRequest:
    """Return what every submit of this machine has in common."""
    java, spark = find_java(environ), find_spark(environ)
    cache = _cache(settings)
    defaults = _defaults(read_defaults, environ)
    class_data = _class_data(settings, java, spark, defaults, environ)
    return SubmitRequest(
        spark_home=str(spark.home),
        spark_submit=str(spark.submit),
        java_home=str(java.home),
        python=sys.executable,
        script="",
        app_name="",
        run_id="",
        module_path=tuple(map(str, settings.module_path)),
        params_file=None,
        log_file=None,
        base_dir=settings.base_dir,
        sql_path=tuple(map(str, settings.hql_path)),
        properties_file="",
        spark_defaults=defaults,
        class_data=class_data.files if class_data else (),
        conf_dir=class_data.conf_dir if class_data else "",
        log_config=_log_config(settings, spark, environ),
        local_ip=environ.get(LOCAL_IP, ""),
        submitter_options=submitter_options(environ),
        py_files=(str(framework_archive(settings.framework_dir, cache)), str(pipes_archive(cache))),
    )


def _class_data(
    settings: Settings,
    java: JavaHome,
    spark: SparkHome,
    defaults: Mapping[str, str],
    environ: Mapping[str, str],
) -> ClassData | None:
    """Return the archive of a home, None without a look at Spark's jars if it never had one."""
    folder = settings.state_dir
    if not archive_folder(folder).is_dir():
        return None
    return find_class_data(folder, driver_classes(folder, java, spark, defaults, environ))


def _log_config(settings: Settings, spark: SparkHome, environ: Mapping[str, str]) -> str | None:
    if has_log_config(spark.conf_dir(environ)):
        return None
    # Absolute: the job has another working folder.
    return str(log_config(settings.state_dir / "work").absolute())


def _travelling(request: SubmitRequest, settings: Settings) -> SubmitRequest:
    """Return the request with what a driver elsewhere reads from folders of this machine."""
    deployment = deployment_of(
        request.spark_properties, request.spark_defaults, request.default_master
    )
    if not deployment.is_cluster:
        return request
    cache = _cache(settings)
    modules = modules_archive(settings.jobs_dir, cache)
    return replace(
        request,
        py_files=(*request.py_files, *([str(modules)] if modules else ())),
        hql_archive=str(hql_archive(settings.hql_path, cache)),
    )


def _cache(settings: Settings) -> Path:
    return settings.state_dir / "pyfiles"


def write_command(request: SubmitRequest, environ: Mapping[str, str]) -> SubmitCommand:
    """Build the command of a request, and write its properties file, if it needs one."""
    command = build_command(request, cast(Platform, sys.platform))
    properties = {**request.spark_defaults, **request.spark_properties}
    command = with_windows_tools(command, properties, environ, sys.platform)
    if command.properties:
        write_atomically(Path(command.properties_file), format_properties(command.properties))
    return command


def with_windows_tools(
    command: SubmitCommand, properties: Mapping[str, str], environ: Mapping[str, str], platform: str
) -> SubmitCommand:
    """Return the command of a job that finds Hadoop's tools on Windows; elsewhere it needs none.

    Raises:
        HadoopHomeError: If one is missing; it names all, each with its remedy.
    """
    has_own_files = bool(properties.get(LOCAL_FILES))
    missing = missing_windows_tools(environ, platform=platform, needs_library=not has_own_files)
    if missing:
        raise HadoopHomeError("; ".join(missing))
    folder = hadoop_bin(environ, platform=platform)
    if folder is None:
        return command
    return replace(command, env={**command.env, "PATH": f"{folder};{environ.get('PATH', '')}"})


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


def _secret_properties(
    properties: Mapping[str, str], secrets: Secrets, settings: Settings
) -> frozenset[str]:
    """Return the names of properties that are secrets, by row or key, or that contain one."""
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


def _script(bundle: ParamBundle, settings: Settings) -> str:
    spec = bundle.spec
    remedy = f"correct script_path of job_master (job_id={spec.job_id})"
    return _script_path(spec.script_path, settings, spec.job_name, remedy)


def _script_path(script: str, settings: Settings, owner: str, remedy: str) -> str:
    if "://" in script:
        return script
    path = settings.script_file(script)
    if path is None:
        raise SubmitRefusedError(
            f"the script of {owner} is missing: {settings.jobs_dir / script}; put it there or "
            f"{remedy}"
        )
    return str(path)


def _require_hql(bundle: ParamBundle, settings: Settings) -> None:
    name = bundle.spec.context.hql
    if name and settings.hql_file(name) is None:
        raise SubmitRefusedError(
            f"the HQL of {bundle.spec.job_name} is missing: {settings.hql_dir / name}; put it "
            f"there or correct `hql` in context_params of job_master (job_id={bundle.spec.job_id})"
        )
