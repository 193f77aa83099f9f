"""Build the argv and environment of a job's spark-submit from its settings, without any I/O."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from framework.contract import variables
from framework.contract.spark_defaults import (
    JVM_TIME_ZONE,
    NODES_PYTHON,
    PYTHON_TIME_ZONE,
    spark_defaults,
)
from orch_dagster.control.secret_rows import is_own_variable
from orch_dagster.control.sys_params import YARN_TAGS
from orch_dagster.spark.deployment import (
    ATTEMPTS,
    DEPLOY_MODE,
    MASTER,
    WAIT,
    Deployment,
    deployment_of,
    is_sensitive,
    refuse_clashes,
    refuse_two_users,
)
from orch_dagster.spark.direct_start import java_command
from orch_dagster.spark.driver_environment import (
    SQL_FOLDER,
    container_properties,
    secret_properties,
    secret_variables,
    submit_environment,
)
from orch_dagster.spark.java_options import DRIVER_OPTIONS, driver_java_options
from orch_dagster.spark.submit_request import SubmitRequest
from orch_dagster.spark.system_paths import (
    Platform,
    base_name,
    file_uri,
    listed_paths,
    separator,
)
from orch_dagster.spark.windows_options import (
    argument_faults,
    length_faults,
    option_faults,
    zone_faults,
)
from orch_dagster.spark.yarn.submitted import SubmittedApplication
from orch_dagster.toolchain.errors import SubmitRefusedError
from orch_dagster.toolchain.spark_values import lost_ends
from orch_dagster.toolchain.windows_paths import (
    UsedPath,
    java_home_path,
    path_faults,
    spark_home_path,
)

# Spark's off-heap code uses this package, which Java 17 hides.
ADD_EXPORTS = "--add-exports java.base/sun.nio.ch=ALL-UNNAMED"
_EXECUTOR_PATH = "spark.executorEnv.PYTHONPATH"
_JAVA_OPTIONS = (DRIVER_OPTIONS, "spark.executor.extraJavaOptions")
_DRIVER_PYTHON = "spark.pyspark.driver.python"
_TIME_ZONE = "TZ"
_LISTS = {
    "spark.submit.pyFiles": "--py-files",
    "spark.files": "--files",
    "spark.jars": "--jars",
    "spark.archives": "--archives",
}


@dataclass(frozen=True)
class SubmitCommand:
    """The command of a spark-submit.

    Attributes:
        argv: The program and its arguments, never for a shell.
        env: The variables to set on top of the caller's environment.
        properties: The content of `properties_file`, to be written before the start and readable
            by its owner alone; empty if no file is needed.
        properties_file: The path of that file.
        application: What finds its application, if YARN runs it.
        master: Its master; '' for a command that is no spark-submit.
        warnings: What the job gets otherwise than it was given; no secret is in them.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str]
    properties: Mapping[str, str]
    properties_file: str
    application: SubmittedApplication | None = None
    master: str = ""
    warnings: tuple[str, ...] = ()


def build_command(request: SubmitRequest, platform: Platform) -> SubmitCommand:
    """Turn a request into the command that starts it on the given system.

    Raises:
        SubmitRefusedError: If the job's Spark properties clash with those of every run, or a path
            can't be passed on.
    """
    deployment = deployment_of(
        request.spark_properties, request.spark_defaults, request.default_master
    )
    own_variables = (
        *variables.JOB_VARIABLES,
        *request.pipes_env,
        *request.variables,
        *secret_variables(request),
    )
    _refuse_own_variables(request)
    refuse_two_users(request.proxy_user, {**request.spark_defaults, **request.spark_properties})
    refuse_clashes(request.spark_properties, deployment, own_variables)
    properties = _properties(request, deployment, platform)
    hidden = {*request.secret_properties, *secret_properties(request, deployment)}
    secret = {name for name in properties if name in hidden or is_sensitive(name)}
    in_file = {k: v for k, v in properties.items() if platform == "win32" or k in secret}
    argv = _argv(request, {k: v for k, v in properties.items() if k not in in_file}, in_file)
    if platform == "win32":
        of_driver = {**request.spark_defaults, **properties}
        _refuse_for_windows(request, argv, {} if deployment.is_cluster else of_driver)
    env = submit_environment(request, deployment, platform)
    if (start := request.direct_start) and not deployment.is_cluster:
        whole = {**request.spark_defaults, **properties}
        if java := java_command(start, request.java_home, whole):
            argv = (*java, *argv[1:])
            env |= start.env
    # With --properties-file Spark does not read spark-defaults.conf, so the file repeats it.
    written = {**request.spark_defaults, **in_file} if in_file else {}
    return SubmitCommand(
        argv=argv,
        env=env,
        properties=written,
        properties_file=request.properties_file,
        application=SubmittedApplication.of(
            request.attempt_tag, deployment, {**request.spark_defaults, **properties}, secret
        ),
        master=deployment.master,
        warnings=tuple(
            f"{name}: {lost}"
            for name, value in sorted(in_file.items())
            if (lost := lost_ends(name, value, platform, is_secret=name in secret))
        ),
    )


def with_warehouse(command: SubmitCommand, folder: Path) -> SubmitCommand:
    """Return the command of a driver whose tables are in `folder`, if it runs on this machine."""
    return replace(command, env={**command.env, variables.WAREHOUSE_DIR: str(folder)})


def _argv(
    request: SubmitRequest, properties: dict[str, str], in_file: Collection[str]
) -> tuple[str, ...]:
    argv = [request.spark_submit]
    for name, option in ((MASTER, "--master"), (DEPLOY_MODE, "--deploy-mode")):
        if name in properties:
            argv += [option, properties.pop(name)]
    if request.proxy_user:
        argv += ["--proxy-user", request.proxy_user]
    if in_file:
        argv += ["--properties-file", request.properties_file]
    lists = [
        (option, properties.pop(name)) for name, option in _LISTS.items() if name in properties
    ]
    for name, value in sorted(properties.items()):
        argv += ["--conf", f"{name}={value}"]
    for option, value in lists:
        argv += [option, value]
    return (*argv, request.script, *request.arguments)


def _properties(
    request: SubmitRequest, deployment: Deployment, platform: Platform
) -> dict[str, str]:
    """Return all properties: defaults, the job's own, those of every run on top or merged in."""
    of_job = request.spark_properties
    defaults = spark_defaults(deployment.master)
    merged = {
        **{name: value for name, value in defaults.items() if name not in request.spark_defaults},
        "spark.app.name": request.app_name,
        **of_job,
        MASTER: deployment.master,
        DEPLOY_MODE: deployment.deploy_mode,
        _EXECUTOR_PATH: _executor_path(request, deployment, platform),
    }
    for name in _JAVA_OPTIONS:
        # Of two values, Java takes the last: the job's own.
        parts = [
            ADD_EXPORTS,
            JVM_TIME_ZONE,
            request.spark_defaults.get(name, ""),
            of_job.get(name, ""),
        ]
        if name == DRIVER_OPTIONS and not deployment.is_cluster:
            parts[2:2] = driver_java_options(
                request.log_config, request.driver_options, request.class_data, parts, platform
            )
        merged[name] = " ".join(part.strip() for part in parts if part.strip())
    shipped = _shipped_files(request, deployment, platform)
    archives = _shipped_archives(request, deployment, platform)
    of_run_lists = (request.py_files, shipped, request.jars, archives)
    for name, of_run in zip(_LISTS, of_run_lists, strict=True):
        if entries := _list_entries(of_run, request.of_job(name)):
            merged[name] = listed_paths(entries, platform)
    if deployment.is_yarn:
        tags = filter(None, (request.run_id, request.attempt_tag, *request.tags))
        merged[YARN_TAGS] = _list_entries(tags, request.of_job(YARN_TAGS))
    if deployment.is_cluster:
        # The gateway follows it; a JVM that waits takes 200 MB.
        merged |= {WAIT: request.of_job(WAIT) or "false", ATTEMPTS: "1"}
        merged |= container_properties(request, deployment, platform)
    elif NODES_PYTHON in defaults and not request.of_job(_DRIVER_PYTHON):
        # Spark would start the driver, which runs here, with the Python of the nodes too.
        merged[_DRIVER_PYTHON] = request.python
    return merged | secret_properties(request, deployment)


def _executor_path(request: SubmitRequest, deployment: Deployment, platform: Platform) -> str:
    """Return the executors' module path; in a YARN container it starts at the working folder."""
    # Nodes of another system would take a folder of Windows, and its separator, for names.
    is_foreign = platform == "win32" and deployment.has_containers
    if deployment.is_cluster or is_foreign:
        folders = [base_name(path, platform) for path in request.py_files] or ["."]
        between = ":"
    else:
        folders = list(request.module_path)
        between = separator(platform)
    if of_job := request.of_job(_EXECUTOR_PATH):
        folders.append(of_job)
    return between.join(folders)


def _shipped_files(
    request: SubmitRequest, deployment: Deployment, platform: Platform
) -> tuple[str, ...]:
    if not deployment.is_cluster:
        return request.files
    shipped = (*([request.params_file] if request.params_file else ()), *request.files)
    names = [base_name(path, platform) for path in shipped]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SubmitRefusedError(
            f"Two files for the cluster have the same name ({', '.join(twice)}), and YARN would "
            "drop one: rename one of them",
            properties=("spark.files",),
        )
    return shipped


def _shipped_archives(
    request: SubmitRequest, deployment: Deployment, platform: Platform
) -> tuple[str, ...]:
    if not deployment.is_cluster or request.hql_archive is None:
        return ()
    # A path with a space and a fragment is nothing that Spark could read.
    return (f"{file_uri(request.hql_archive, platform)}#{SQL_FOLDER}",)


def _list_entries(of_run: Iterable[str], of_job: str) -> str:
    """Join the run's entries and the job's own, separated by commas, each once."""
    entries = list(of_run)
    for entry in entries:
        if "," in entry:
            raise SubmitRefusedError(
                f"{entry!r} has a comma, which ends a name in Spark's lists: move or rename it"
            )
    entries += [entry.strip() for entry in of_job.split(",") if entry.strip()]
    return ",".join(dict.fromkeys(entries))


def _refuse_for_windows(
    request: SubmitRequest, argv: Sequence[str], of_driver: Mapping[str, str]
) -> None:
    """Refuse paths and arguments that cmd would interpret: no quoting survives its passes.

    Refuse a time zone of the driver too that its Python would misread.
    """
    used = (
        spark_home_path(request.spark_home),
        java_home_path(request.java_home),
        UsedPath("Python", request.python, is_in_blocks=True),
        UsedPath("the properties of the run", request.properties_file, is_in_home=True),
        UsedPath("the script", request.script),
    )
    faults = [*path_faults(used), *option_faults(of_driver), *argument_faults(request.arguments)]
    if of_driver:
        faults += zone_faults(PYTHON_TIME_ZONE, of_driver.get(PYTHON_TIME_ZONE, ""))
        faults += zone_faults(_TIME_ZONE, request.variables.get(_TIME_ZONE, ""))
    # The class path has Spark's jars and its configuration.
    folders = (request.java_home, request.spark_home, request.spark_home)
    if faults := faults or [*length_faults(argv, of_driver, folders)]:
        raise SubmitRefusedError("; ".join(faults))


def _refuse_own_variables(request: SubmitRequest) -> None:
    clashes = sorted(name for name in request.variables if is_own_variable(name))
    if clashes:
        raise SubmitRefusedError(
            f"These environment variables are set for every job: {', '.join(clashes)}; "
            "choose other names"
        )
