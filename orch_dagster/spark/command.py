"""A job's settings -> the argv and environment of its spark-submit. Pure: touches no file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from framework.contract import variables
from orch_dagster.spark.deployment import (
    AM_ENV,
    ATTEMPTS,
    DEPLOY_MODE,
    MASTER,
    WAIT,
    Deployment,
    container_variables,
    deployment_of,
    is_own_variable,
    is_sensitive,
    refuse_clashes,
)
from orch_dagster.spark.redaction import REDACTION, covering
from orch_dagster.toolchain.errors import SubmitRefusedError

Platform = Literal["linux", "darwin", "win32"]

# Spark's off-heap code reads this package, and Java 17 hides it.
ADD_EXPORTS = "--add-exports java.base/sun.nio.ch=ALL-UNNAMED"
_EXECUTOR_PATH = "spark.executorEnv.PYTHONPATH"
_JAVA_OPTIONS = ("spark.driver.extraJavaOptions", "spark.executor.extraJavaOptions")
_TAGS = "spark.yarn.tags"
_LISTS = {"spark.submit.pyFiles": "--py-files", "spark.files": "--files", "spark.jars": "--jars"}
_CMD_SPECIAL = re.compile(r'[&|<>^%!"\r\n]')


@dataclass(frozen=True)
class SubmitRequest:
    """All that one spark-submit needs. Paths are text, so that any system's can be built anywhere.

    Attributes:
        script: A path, or a URL that Spark can read.
        spark_properties: The job's own, from sys_params of param_type spark and secret.
        secret_properties: Names of those that hold a secret.
        secret_variables: Environment variables of the driver that hold one.
        secret_options: Names of options of sources and sinks that do.
        spark_defaults: What spark-defaults.conf says (`find.read_spark_defaults`).
        properties_file: Where properties go that can't stand in argv; used only if there are some.
        arguments: Of the script.
        variables: More environment variables of the driver.
        params_file: None where the script has no parameters of a run.
        log_file: None where the job has to log to stderr.
        base_dir: The data root, a path or a URL.
        py_files: Archives that travel with the job; needed in cluster mode.
        tags: More YARN tags, after the run's id.
    """

    spark_home: str
    spark_submit: str
    java_home: str
    python: str
    script: str
    app_name: str
    run_id: str
    framework_dir: str
    params_file: str | None
    log_file: str | None
    base_dir: str
    sql_dir: str
    properties_file: str
    arguments: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict[str, str])
    hql_file: str | None = None
    spark_properties: Mapping[str, str] = field(default_factory=dict[str, str])
    secret_properties: frozenset[str] = frozenset()
    secret_variables: Mapping[str, str] = field(default_factory=dict[str, str])
    secret_options: frozenset[str] = frozenset()
    spark_defaults: Mapping[str, str] = field(default_factory=dict[str, str])
    pipes_env: Mapping[str, str] = field(default_factory=dict[str, str])
    py_files: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    jars: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class SubmitCommand:
    """What to start.

    Attributes:
        argv: The program and its arguments, for no shell.
        env: Only the variables to set on top of the caller's environment.
        properties: To be written to `properties_file`, readable by its owner alone, before the
            start; empty if no file is needed.
        properties_file: That file.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str]
    properties: Mapping[str, str]
    properties_file: str


def build_command(request: SubmitRequest, platform: Platform) -> SubmitCommand:
    """Turn a request into the command that starts it on the given system.

    Raises:
        SubmitRefusedError: the job's Spark properties clash with what every run needs, or a path
            can't be passed on.
    """
    deployment = deployment_of(request.spark_properties, request.spark_defaults)
    own_variables = (
        *variables.JOB_VARIABLES,
        *request.pipes_env,
        *request.variables,
        *_secret_variables(request),
    )
    _refuse_own_variables(request)
    refuse_clashes(request.spark_properties, deployment, own_variables)
    properties = _properties(request, deployment, platform)
    hidden = {*request.secret_properties, *_secret_properties(request, deployment)}
    in_file = {
        name: value
        for name, value in properties.items()
        if platform == "win32" or name in hidden or is_sensitive(name)
    }
    if platform == "win32":
        _refuse_for_cmd(request)
    # With --properties-file Spark no longer reads spark-defaults.conf, so the file repeats it.
    written = {**request.spark_defaults, **in_file} if in_file else {}
    return SubmitCommand(
        argv=_argv(
            request, {k: v for k, v in properties.items() if k not in in_file}, bool(in_file)
        ),
        env=_environment(request, deployment),
        properties=written,
        properties_file=request.properties_file,
    )


def _argv(request: SubmitRequest, properties: dict[str, str], with_file: bool) -> tuple[str, ...]:
    argv = [request.spark_submit]
    for name, option in ((MASTER, "--master"), (DEPLOY_MODE, "--deploy-mode")):
        if name in properties:
            argv += [option, properties.pop(name)]
    if with_file:
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
    """Every property of this submit: the job's own, with ours on top or merged in."""
    own = request.spark_properties
    merged = {
        "spark.app.name": request.app_name,
        **own,
        MASTER: deployment.master,
        DEPLOY_MODE: deployment.deploy_mode,
        _EXECUTOR_PATH: _executor_path(request, deployment, platform),
    }
    for name in _JAVA_OPTIONS:
        parts = (ADD_EXPORTS, request.spark_defaults.get(name, ""), own.get(name, ""))
        merged[name] = " ".join(part.strip() for part in parts if part.strip())
    shipped = _shipped_files(request, deployment, platform)
    for name, ours in zip(_LISTS, (request.py_files, shipped, request.jars), strict=True):
        entries = _list_entries(ours, own.get(name) or request.spark_defaults.get(name, ""))
        if entries:
            merged[name] = entries
    if deployment.is_yarn:
        tags = (request.run_id, *request.tags)
        merged[_TAGS] = _list_entries(tags, own.get(_TAGS) or request.spark_defaults.get(_TAGS, ""))
    if deployment.is_cluster:
        merged |= {WAIT: "true", ATTEMPTS: "1"}
        merged |= _driver_variables(request, platform)
    return merged | _secret_properties(request, deployment)


def _executor_path(request: SubmitRequest, deployment: Deployment, platform: Platform) -> str:
    """The module path of executors; in a YARN container it is relative to the working folder."""
    if deployment.is_cluster:
        ours = [_base_name(path, platform) for path in request.py_files] or ["."]
        separator = ":"
    else:
        ours = [request.framework_dir]
        separator = ";" if platform == "win32" else ":"
    own = request.spark_properties.get(_EXECUTOR_PATH) or request.spark_defaults.get(
        _EXECUTOR_PATH, ""
    )
    return separator.join([*ours, own] if own else ours)


def _driver_variables(request: SubmitRequest, platform: Platform) -> dict[str, str]:
    """Variables of a driver in a YARN container: shipped files by their base names, no LOG_FILE."""
    own = request.spark_properties
    of_job = {
        variables.PARAMS_FILE: _base_name(request.params_file or "", platform),
        variables.BASE_DIR: request.base_dir,
        variables.SQL_DIR: ".",
        **request.pipes_env,
    }
    if not request.params_file:
        del of_job[variables.PARAMS_FILE]
    found = {AM_ENV + name: value for name, value in of_job.items()}
    found |= container_variables(request.variables)
    for name in ("PYSPARK_PYTHON", "PYSPARK_DRIVER_PYTHON"):
        found[AM_ENV + name] = own.get(AM_ENV + name) or own.get(
            "spark.pyspark.python", request.python
        )
    return found


def _secret_variables(request: SubmitRequest) -> dict[str, str]:
    """Variables of the driver: the secrets, and the names by which it knows what not to log."""
    names = sorted({*request.secret_variables, *request.secret_properties})
    listed = {variables.SECRET_NAMES: ",".join(names)} if names else {}
    return {**request.secret_variables, **listed}


def _secret_properties(request: SubmitRequest, deployment: Deployment) -> dict[str, str]:
    """Properties that there are for the sake of secrets; none of them is for argv."""
    of_driver = _secret_variables(request)
    names = {*request.secret_properties, *request.secret_options, *of_driver}
    if not names:
        return {}
    so_far = request.spark_properties.get(REDACTION) or request.spark_defaults.get(REDACTION)
    in_container = container_variables(of_driver) if deployment.is_cluster else {}
    return {REDACTION: covering(so_far, names), **in_container}


def _environment(request: SubmitRequest, deployment: Deployment) -> dict[str, str]:
    env = {
        "SPARK_HOME": request.spark_home,
        "JAVA_HOME": request.java_home,
        "PYSPARK_PYTHON": request.python,
        # Else one of the caller's own, such as jupyter, would be started in place of the job.
        "PYSPARK_DRIVER_PYTHON": request.python,
    }
    if deployment.is_cluster:
        return env
    env |= {
        **request.variables,
        "PYTHONPATH": request.framework_dir,
        **({variables.PARAMS_FILE: request.params_file} if request.params_file else {}),
        variables.BASE_DIR: request.base_dir,
        variables.SQL_DIR: request.sql_dir,
        **request.pipes_env,
        **_secret_variables(request),
    }
    if request.log_file is not None:
        env[variables.LOG_FILE] = request.log_file
    return env


def _shipped_files(
    request: SubmitRequest, deployment: Deployment, platform: Platform
) -> tuple[str, ...]:
    if not deployment.is_cluster:
        return request.files
    ours = [path for path in (request.params_file, request.hql_file) if path is not None]
    shipped = (*ours, *request.files)
    names = [_base_name(path, platform) for path in shipped]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SubmitRefusedError(
            f"Two files for the cluster have the same name ({', '.join(twice)}), and YARN would "
            "drop one: rename one of them",
            properties=("spark.files",),
        )
    return shipped


def _list_entries(ours: Iterable[str], theirs: str) -> str:
    """Join ours and the job's own into Spark's comma-separated form, each once."""
    ours = list(ours)
    for entry in ours:
        if "," in entry:
            raise SubmitRefusedError(
                f"{entry!r} has a comma, which ends a name in Spark's lists: move or rename it"
            )
    return ",".join(dict.fromkeys([*ours, *(e.strip() for e in theirs.split(",") if e.strip())]))


def _base_name(path: str, platform: Platform) -> str:
    separators = r"[/\\]" if platform == "win32" else "/"
    return re.split(separators, path.partition("#")[2] or path)[-1]


def _refuse_for_cmd(request: SubmitRequest) -> None:
    """spark-submit.cmd hands its arguments on through cmd three times; no quoting survives that."""
    ours = (request.spark_submit, request.properties_file, request.script)
    for path in (*ours, *request.arguments):
        bad = _CMD_SPECIAL.search(path)
        if bad:
            raise SubmitRefusedError(
                f"{path!r} holds {bad.group()!r}, which Windows' cmd would interpret: "
                "move or rename it"
            )


def _refuse_own_variables(request: SubmitRequest) -> None:
    clashes = sorted(name for name in request.variables if is_own_variable(name))
    if clashes:
        raise SubmitRefusedError(
            f"These environment variables are set for every job: {', '.join(clashes)}; "
            "choose other names"
        )
