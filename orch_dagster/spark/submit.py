"""Look up what any spark-submit of this machine needs, and build the command of a script."""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

from framework.contract.secret_names import is_secret
from framework.contract.spark_defaults import LOCAL_IP
from orch_dagster.bundle.secrets import Secrets
from orch_dagster.files import write_atomically
from orch_dagster.settings import Settings
from orch_dagster.spark.command import SubmitCommand, build_command
from orch_dagster.spark.deployment import DEFAULT_MASTER, deployment_of
from orch_dagster.spark.driver_profile import LAUNCHER_OPTIONS, SUBMIT_OPTIONS, brief_options
from orch_dagster.spark.py_files import (
    framework_archive,
    hql_archive,
    modules_archive,
    pipes_archive,
)
from orch_dagster.spark.spark_log import has_log_config, log_config
from orch_dagster.spark.submit_request import SubmitRequest
from orch_dagster.spark.system_paths import Platform
from orch_dagster.spark.windows_options import variable_faults
from orch_dagster.spark.yarn.gateway import YarnClient
from orch_dagster.spark.yarn.gateway_command import STAGING
from orch_dagster.spark.yarn.messages import MessageFolder, folder_path
from orch_dagster.spark.yarn.shared_gateway import shared_gateway
from orch_dagster.spark.yarn.tags import attempt_tag
from orch_dagster.toolchain.class_data import (
    ClassData,
    archive_folder,
    driver_classes,
    find_class_data,
)
from orch_dagster.toolchain.errors import SubmitRefusedError
from orch_dagster.toolchain.find import (
    JavaHome,
    SparkHome,
    find_java,
    find_spark,
    read_conf_texts,
    read_spark_defaults,
)
from orch_dagster.toolchain.properties import format_properties
from orch_dagster.toolchain.windows_tools import LOCAL_FILES, path_with_tools


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


def prepare_script(
    script: ScriptSubmit,
    settings: Settings,
    pipes_env: Mapping[str, str],
    environ: Mapping[str, str] = os.environ,
) -> SubmitCommand:
    """Build the command of a script, and write its properties file.

    The file may hold secrets, and is only read when Spark starts: remove it afterwards.

    Args:
        script: The script.
        settings: The settings.
        pipes_env: The variables that name the script's result channel.
        environ: The environment that names Java and Spark.

    Raises:
        SparkError: If Java, Spark or the script is missing, or a Spark property or variable is
            reserved.
    """
    common = common_request(settings, environ, script.spark_defaults)
    properties = {**script.properties, **script.secrets.properties}
    request = replace(
        common,
        script=script_path(script.script, settings, script.app_name, "give its absolute path"),
        app_name=script.app_name,
        run_id=script.run_id,
        properties_file=str(script.properties_file),
        arguments=script.arguments,
        variables=script.variables,
        spark_properties=properties,
        secret_properties=secret_properties(properties, script.secrets, settings),
        secret_variables=script.secrets.variables,
        pipes_env=pipes_env,
        py_files=(*common.py_files, *script.py_files),
        files=script.files,
        jars=script.jars,
        # The file's name has what is unique within the run.
        attempt_tag=attempt_tag(script.run_id, script.properties_file.stem),
    )
    return write_command(travelling(request, settings), environ)


def script_folder(
    script: ScriptSubmit, environ: Mapping[str, str] = os.environ
) -> MessageFolder | None:
    """Return the folder by which a script reports, None if it reports by a file.

    Raises:
        SparkError: If Java or Spark is missing, or the script's master or deploy mode is refused.
    """
    defaults = defaults_or_read(script.spark_defaults, environ)
    properties = {**defaults, **script.properties, **script.secrets.properties}
    return message_folder(properties, script.run_id, script.app_name, environ)


def message_folder(
    properties: Mapping[str, str],
    run_id: str,
    name: str,
    environ: Mapping[str, str],
    proxy_user: str = "",
) -> MessageFolder | None:
    """Return the folder by which a driver elsewhere reports, None for one on this machine.

    Raises:
        SparkError: If Java or Spark is missing, or the master or deploy mode is refused.
    """
    if not deployment_of(properties, {}, DEFAULT_MASTER).is_cluster:
        return None
    # A path below a home folder would mean the orchestrator's to one side, the user's to the other.
    staging = properties.get(STAGING) or (f"/user/{proxy_user}" if proxy_user else "")
    # Of this attempt alone: an earlier one may have left its own.
    path = folder_path(staging, run_id, f"{name}-{uuid.uuid4().hex[:8]}")
    return MessageFolder(YarnClient.of(shared_gateway(environ), properties), path)


def defaults_or_read(
    read: Mapping[str, str] | None, environ: Mapping[str, str]
) -> Mapping[str, str]:
    """Return the properties of spark-defaults.conf, from the file unless they were read already.

    Raises:
        SparkError: As `spark_defaults_of` does.
    """
    return spark_defaults_of(environ) if read is None else read


def common_request(
    settings: Settings, environ: Mapping[str, str], read_defaults: Mapping[str, str] | None
) -> SubmitRequest:
    """Return what every submit of this machine has in common.

    Raises:
        SparkError: If Java or Spark is missing.
    """
    java, spark = find_java(environ), find_spark(environ)
    cache = _cache(settings)
    defaults = defaults_or_read(read_defaults, environ)
    class_data = _class_data(settings, java, spark, defaults, environ)
    conf_texts = read_conf_texts(spark, environ)
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
        pyspark_dir=str(spark.pyspark_dir or ""),
        log_config=_log_config(settings, spark, environ),
        local_ip=environ.get(LOCAL_IP, ""),
        submitter_options=brief_options(SUBMIT_OPTIONS, environ, conf_texts),
        launcher_options=brief_options(LAUNCHER_OPTIONS, environ, conf_texts),
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


def travelling(request: SubmitRequest, settings: Settings) -> SubmitRequest:
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


def write_command(
    request: SubmitRequest, environ: Mapping[str, str], *, reads_files: bool = True
) -> SubmitCommand:
    """Build the command of a request, and write its properties file, if it needs one.

    Args:
        request: The request.
        environ: The environment that names Java, Spark and Hadoop's tools.
        reads_files: Whether it may read local files, for which Windows needs hadoop.dll.

    Raises:
        SparkError: If the request is refused, or one of Hadoop's tools for Windows is missing.
    """
    command = build_command(request, cast(Platform, sys.platform))
    properties = {**request.spark_defaults, **request.spark_properties}
    refuse_variables({**environ, **command.env}, sys.platform)
    needs_library = reads_files and not properties.get(LOCAL_FILES)
    command = with_windows_tools(command, environ, sys.platform, needs_library=needs_library)
    if command.properties:
        write_atomically(Path(command.properties_file), format_properties(command.properties))
    return command


def refuse_variables(environ: Mapping[str, str], platform: str) -> None:
    """Refuse variables that don't come through cmd on Windows; elsewhere all do.

    Raises:
        SubmitRefusedError: If there are any; it names each.
    """
    if platform == "win32" and (faults := list(variable_faults(environ))):
        raise SubmitRefusedError("; ".join(faults))


def with_windows_tools(
    command: SubmitCommand, environ: Mapping[str, str], platform: str, *, needs_library: bool
) -> SubmitCommand:
    """Return the command of a job that finds Hadoop's tools on Windows; elsewhere it needs none.

    Raises:
        HadoopHomeError: If one is missing; it names all, each with its remedy.
    """
    path = path_with_tools(environ, platform=platform, needs_library=needs_library)
    return replace(command, env={**command.env, "PATH": path}) if path else command


def secret_properties(
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


def script_path(script: str, settings: Settings, owner: str, remedy: str) -> str:
    """Return where a script is: an absolute path, or the URL that it has.

    Args:
        script: An absolute path, one relative to a jobs folder, or a URL.
        settings: The settings.
        owner: Whose script it is.
        remedy: What to do if it is missing, besides putting it there.

    Raises:
        SubmitRefusedError: If it is missing.
    """
    if "://" in script:
        return script
    path = settings.script_file(script)
    if path is None:
        raise SubmitRefusedError(
            f"the script of {owner} is missing: {settings.jobs_dir / script}; put it there or "
            f"{remedy}"
        )
    return str(path)
