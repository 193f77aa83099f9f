"""Build the argv and environment of a job's spark-submit from its settings, without any I/O."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from framework.contract import variables
from framework.contract.spark_defaults import (
    JVM_TIME_ZONE,
    LOCAL_IP,
    LOOPBACK,
    NODES_PYTHON,
    PYTHON_TIME_ZONE,
    TIME_ZONE,
    spark_defaults,
)
from orch_dagster.control.secret_rows import is_own_variable
from orch_dagster.spark.deployment import (
    AM_ENV,
    ATTEMPTS,
    DEFAULT_MASTER,
    DEPLOY_MODE,
    MASTER,
    WAIT,
    Deployment,
    container_variables,
    deployment_of,
    is_sensitive,
    refuse_clashes,
    refuse_two_users,
)
from orch_dagster.spark.driver_profile import SUBMIT_OPTIONS
from orch_dagster.spark.java_options import DRIVER_OPTIONS, driver_java_options
from orch_dagster.spark.redaction import REDACTION, covering
from orch_dagster.spark.system_paths import (
    Platform,
    base_name,
    file_uri,
    listed_paths,
    separator,
)
from orch_dagster.spark.windows_options import option_faults
from orch_dagster.spark.yarn.submitted import SubmittedApplication
from orch_dagster.toolchain.errors import SubmitRefusedError
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
_TAGS = "spark.yarn.tags"
_TIME_ZONE = "TZ"
_LISTS = {
    "spark.submit.pyFiles": "--py-files",
    "spark.files": "--files",
    "spark.jars": "--jars",
    "spark.archives": "--archives",
}
# The folder of HQL files in the container of a driver.
_SQL_FOLDER = "orch_hql"


@dataclass(frozen=True)
class SubmitRequest:
    """The settings of a spark-submit; paths are text, so that any system's can be built anywhere.

    Attributes:
        script: A path, or a URL that Spark can read.
        spark_properties: The job's own, from sys_params of param_type spark and secret.
        secret_properties: The names of the properties that hold a secret.
        secret_variables: Environment variables of the driver that hold a secret.
        secret_options: The names of options of sources and sinks that hold a secret.
        spark_defaults: The properties of spark-defaults.conf (`find.read_spark_defaults`).
        properties_file: The file for properties that argv must not have; written only if needed.
        arguments: The script's arguments.
        variables: More environment variables of the driver.
        params_file: The run's parameters; None for a script without them.
        log_file: The run's log; None for a job that has to log to stderr.
        log_max_bytes: The size of the log from which on the job logs to stderr; 0 for no limit.
        module_path: The folders of the modules that the script imports, the framework among them.
        base_dir: The data root, a path or a URL.
        sql_path: The folders of HQL files, in the order in which they are searched.
        hql_archive: The HQL files of all of them, for a driver on the cluster.
        py_files: Archives that travel with the job; required in cluster mode.
        attempt_tag: The YARN tag that no other application has.
        tags: More YARN tags, after those.
        default_master: The master where neither the job nor spark-defaults.conf names one.
        log_config: The log4j file of a driver that runs here; None for Spark's own.
        local_ip: The SPARK_LOCAL_IP of the environment, '' if it has none.
        proxy_user: The user as whom the cluster is asked; '' for the orchestrator's own.
        submitter_options: The Java options of a JVM that only submits to a cluster.
        driver_options: More Java options of a driver that runs here, over which the job's own win.
        class_data: The class-data archives of a driver that runs here.
        conf_dir: The folder that stands for Spark's own of configuration; '' for that itself.
    """

    spark_home: str
    spark_submit: str
    java_home: str
    python: str
    script: str
    app_name: str
    run_id: str
    module_path: tuple[str, ...]
    params_file: str | None
    log_file: str | None
    base_dir: str
    sql_path: tuple[str, ...]
    properties_file: str
    arguments: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict[str, str])
    hql_archive: str | None = None
    spark_properties: Mapping[str, str] = field(default_factory=dict[str, str])
    secret_properties: frozenset[str] = frozenset()
    secret_variables: Mapping[str, str] = field(default_factory=dict[str, str])
    secret_options: frozenset[str] = frozenset()
    spark_defaults: Mapping[str, str] = field(default_factory=dict[str, str])
    pipes_env: Mapping[str, str] = field(default_factory=dict[str, str])
    py_files: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    jars: tuple[str, ...] = ()
    attempt_tag: str = ""
    tags: tuple[str, ...] = ()
    default_master: str = DEFAULT_MASTER
    log_config: str | None = None
    log_max_bytes: int = 0
    local_ip: str = ""
    proxy_user: str = ""
    submitter_options: str = ""
    driver_options: str = ""
    class_data: tuple[str, ...] = ()
    conf_dir: str = ""


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
    """

    argv: tuple[str, ...]
    env: Mapping[str, str]
    properties: Mapping[str, str]
    properties_file: str
    application: SubmittedApplication | None = None
    master: str = ""


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
        *_secret_variables(request),
    )
    _refuse_own_variables(request)
    refuse_two_users(request.proxy_user, {**request.spark_defaults, **request.spark_properties})
    refuse_clashes(request.spark_properties, deployment, own_variables)
    properties = _properties(request, deployment, platform)
    hidden = {*request.secret_properties, *_secret_properties(request, deployment)}
    secret = {name for name in properties if name in hidden or is_sensitive(name)}
    in_file = {k: v for k, v in properties.items() if platform == "win32" or k in secret}
    if platform == "win32":
        of_driver = {**request.spark_defaults, **properties}
        _refuse_for_cmd(request, {} if deployment.is_cluster else of_driver)
    # With --properties-file Spark does not read spark-defaults.conf, so the file repeats it.
    written = {**request.spark_defaults, **in_file} if in_file else {}
    return SubmitCommand(
        argv=_argv(request, {k: v for k, v in properties.items() if k not in in_file}, in_file),
        env=_environment(request, deployment, platform),
        properties=written,
        properties_file=request.properties_file,
        application=SubmittedApplication.of(
            request.attempt_tag, deployment, {**request.spark_defaults, **properties}, secret
        ),
        master=deployment.master,
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
        if entries := _list_entries(of_run, _of_job(request, name)):
            merged[name] = listed_paths(entries, platform)
    if deployment.is_yarn:
        tags = filter(None, (request.run_id, request.attempt_tag, *request.tags))
        merged[_TAGS] = _list_entries(tags, _of_job(request, _TAGS))
    if deployment.is_cluster:
        # The gateway follows it; a JVM that waits takes 200 MB.
        merged |= {WAIT: _of_job(request, WAIT) or "false", ATTEMPTS: "1"}
        merged |= _driver_variables(request, deployment, platform)
    elif NODES_PYTHON in defaults and not _of_job(request, _DRIVER_PYTHON):
        # Spark would start the driver, which runs here, with the Python of the nodes too.
        merged[_DRIVER_PYTHON] = request.python
    return merged | _secret_properties(request, deployment)


def _of_job(request: SubmitRequest, name: str) -> str:
    """Return a property as the job has it: its own, else that of spark-defaults.conf."""
    return request.spark_properties.get(name) or request.spark_defaults.get(name, "")


def _executor_path(request: SubmitRequest, deployment: Deployment, platform: Platform) -> str:
    """Return the executors' module path; in a YARN container it starts at the working folder."""
    if deployment.is_cluster:
        folders = [base_name(path, platform) for path in request.py_files] or ["."]
        between = ":"
    else:
        folders = list(request.module_path)
        between = separator(platform)
    if of_job := _of_job(request, _EXECUTOR_PATH):
        folders.append(of_job)
    return between.join(folders)


def _driver_variables(
    request: SubmitRequest, deployment: Deployment, platform: Platform
) -> dict[str, str]:
    """Return the variables of a driver in a YARN container, with base names and no LOG_FILE."""
    properties = request.spark_properties
    of_job = {
        variables.PARAMS_FILE: base_name(request.params_file or "", platform),
        variables.BASE_DIR: request.base_dir,
        variables.SQL_DIR: _SQL_FOLDER if request.hql_archive else ".",
        **request.pipes_env,
    }
    if request.log_max_bytes:
        of_job[variables.LOG_MAX_BYTES] = str(request.log_max_bytes)
    if not request.params_file:
        del of_job[variables.PARAMS_FILE]
    in_container = {AM_ENV + name: value for name, value in of_job.items()}
    in_container |= container_variables(request.variables)
    in_container.setdefault(
        AM_ENV + _TIME_ZONE, properties.get(AM_ENV + _TIME_ZONE) or _python_zone(request)
    )
    python = _of_job(request, NODES_PYTHON) or spark_defaults(deployment.master)[NODES_PYTHON]
    for name in ("PYSPARK_PYTHON", "PYSPARK_DRIVER_PYTHON"):
        in_container[AM_ENV + name] = _of_job(request, AM_ENV + name) or python
    return in_container


def _python_zone(request: SubmitRequest) -> str:
    """Return the driver's TZ: that of the executors, so that Python agrees with itself."""
    return _of_job(request, PYTHON_TIME_ZONE) or TIME_ZONE


def _secret_variables(request: SubmitRequest) -> dict[str, str]:
    """Return the driver's variables for secrets: their values, and the names to mask in logs."""
    names = sorted({*request.secret_variables, *request.secret_properties})
    listed = {variables.SECRET_NAMES: ",".join(names)} if names else {}
    return {**request.secret_variables, **listed}


def _secret_properties(request: SubmitRequest, deployment: Deployment) -> dict[str, str]:
    """Return the properties that pass on or redact secrets; none of them may be in argv."""
    of_driver = _secret_variables(request)
    names = {*request.secret_properties, *request.secret_options, *of_driver}
    if not names:
        return {}
    pattern = request.spark_properties.get(REDACTION) or request.spark_defaults.get(REDACTION)
    in_container = container_variables(of_driver) if deployment.is_cluster else {}
    return {REDACTION: covering(pattern, names), **in_container}


def _environment(
    request: SubmitRequest, deployment: Deployment, platform: Platform
) -> dict[str, str]:
    env = {
        "SPARK_HOME": request.spark_home,
        "JAVA_HOME": request.java_home,
        "PYSPARK_PYTHON": request.python,
        # Else the caller's own, such as jupyter, would be started in place of the job.
        "PYSPARK_DRIVER_PYTHON": request.python,
    }
    if request.class_data and request.conf_dir:
        env["SPARK_CONF_DIR"] = request.conf_dir
    if deployment.is_cluster:
        return env | _submitter_environment(request, platform)
    if deployment.is_local and not request.local_ip:
        env[LOCAL_IP] = LOOPBACK
    env |= {
        _TIME_ZONE: _python_zone(request),
        **request.variables,
        "PYTHONPATH": separator(platform).join(request.module_path),
        **({variables.PARAMS_FILE: request.params_file} if request.params_file else {}),
        variables.BASE_DIR: request.base_dir,
        variables.SQL_DIR: request.sql_path[0],
        **request.pipes_env,
        **_secret_variables(request),
    }
    if more := request.sql_path[1:]:
        env[variables.MORE_SQL_DIRS] = separator(platform).join(more)
    if request.log_file is not None:
        env[variables.LOG_FILE] = request.log_file
        if request.log_max_bytes:
            env[variables.LOG_MAX_BYTES] = str(request.log_max_bytes)
    return env


def _submitter_environment(request: SubmitRequest, platform: Platform) -> dict[str, str]:
    """Return the Java options of the submit's own JVM, which lives for seconds."""
    chosen = request.submitter_options
    archive = driver_java_options(None, "", request.class_data, [chosen], platform)
    options = " ".join(filter(None, (*archive, chosen)))
    return {SUBMIT_OPTIONS: options} if options else {}


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
    return (f"{file_uri(request.hql_archive, platform)}#{_SQL_FOLDER}",)


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


def _refuse_for_cmd(request: SubmitRequest, of_driver: Mapping[str, str]) -> None:
    """Refuse paths and arguments that cmd would interpret: no quoting survives its passes."""
    used = (
        spark_home_path(request.spark_home),
        java_home_path(request.java_home),
        UsedPath("Python", request.python, is_in_blocks=True),
        UsedPath("the properties of the run", request.properties_file),
        UsedPath("the script", request.script),
        *(UsedPath("an argument of the script", each) for each in request.arguments),
    )
    if faults := [*path_faults(used), *option_faults(of_driver)]:
        raise SubmitRefusedError("; ".join(faults))


def _refuse_own_variables(request: SubmitRequest) -> None:
    clashes = sorted(name for name in request.variables if is_own_variable(name))
    if clashes:
        raise SubmitRefusedError(
            f"These environment variables are set for every job: {', '.join(clashes)}; "
            "choose other names"
        )
