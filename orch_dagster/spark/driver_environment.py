"""Build the environment of a job's driver: of its process here, or of its container."""

from __future__ import annotations

from framework.contract import variables
from framework.contract.spark_defaults import (
    LOCAL_IP,
    LOOPBACK,
    NODES_PYTHON,
    PYTHON_TIME_ZONE,
    TIME_ZONE,
    spark_defaults,
)
from orch_dagster.spark.deployment import AM_ENV, Deployment, container_variables
from orch_dagster.spark.driver_profile import LAUNCHER_OPTIONS, SUBMIT_OPTIONS
from orch_dagster.spark.java_options import driver_java_options
from orch_dagster.spark.redaction import REDACTION, covering
from orch_dagster.spark.submit_request import SubmitRequest
from orch_dagster.spark.system_paths import Platform, base_name, separator

# The folder of HQL files in the container of a driver.
SQL_FOLDER = "orch_hql"
_TIME_ZONE = "TZ"


def submit_environment(
    request: SubmitRequest, deployment: Deployment, platform: Platform
) -> dict[str, str]:
    """Return the variables of spark-submit, which a driver that runs here inherits."""
    env = {
        "SPARK_HOME": request.spark_home,
        "JAVA_HOME": request.java_home,
        "PYSPARK_PYTHON": request.python,
        # Else the caller's own, such as jupyter, would be started in place of the job.
        "PYSPARK_DRIVER_PYTHON": request.python,
    }
    if request.class_data and request.conf_dir:
        env["SPARK_CONF_DIR"] = request.conf_dir
    if request.launcher_options and platform != "win32":
        # Spark's scripts for Windows read no such variable.
        env[LAUNCHER_OPTIONS] = request.launcher_options
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
        variables.MORE_SQL_DIRS: separator(platform).join(request.sql_path[1:]),
        variables.PYSPARK_DIR: request.pyspark_dir,
        **request.pipes_env,
        **secret_variables(request),
    }
    if request.log_file is not None:
        env[variables.LOG_FILE] = request.log_file
        if request.log_max_bytes:
            env[variables.LOG_MAX_BYTES] = str(request.log_max_bytes)
    return env


def container_properties(
    request: SubmitRequest, deployment: Deployment, platform: Platform
) -> dict[str, str]:
    """Return the properties that set a driver's variables in a YARN container.

    Paths are base names there, and no log file is named.
    """
    properties = request.spark_properties
    of_job = {
        variables.PARAMS_FILE: base_name(request.params_file or "", platform),
        variables.BASE_DIR: request.base_dir,
        variables.SQL_DIR: SQL_FOLDER if request.hql_archive else ".",
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
    python = request.of_job(NODES_PYTHON) or spark_defaults(deployment.master)[NODES_PYTHON]
    for name in ("PYSPARK_PYTHON", "PYSPARK_DRIVER_PYTHON"):
        in_container[AM_ENV + name] = request.of_job(AM_ENV + name) or python
    return in_container


def secret_variables(request: SubmitRequest) -> dict[str, str]:
    """Return the driver's variables for secrets: their values, and the names to mask in logs."""
    names = sorted({*request.secret_variables, *request.secret_properties})
    listed = {variables.SECRET_NAMES: ",".join(names)} if names else {}
    return {**request.secret_variables, **listed}


def secret_properties(request: SubmitRequest, deployment: Deployment) -> dict[str, str]:
    """Return the properties that pass on or redact secrets; none of them may be in argv."""
    of_driver = secret_variables(request)
    names = {*request.secret_properties, *request.secret_options, *of_driver}
    if not names:
        return {}
    in_container = container_variables(of_driver) if deployment.is_cluster else {}
    return {REDACTION: covering(request.of_job(REDACTION), names), **in_container}


def _submitter_environment(request: SubmitRequest, platform: Platform) -> dict[str, str]:
    """Return the Java options of the submit's own JVM, which lives for seconds."""
    chosen = request.submitter_options
    archive = driver_java_options(None, "", request.class_data, [chosen], platform)
    options = " ".join(filter(None, (*archive, chosen)))
    return {SUBMIT_OPTIONS: options} if options else {}


def _python_zone(request: SubmitRequest) -> str:
    """Return the driver's TZ: that of the executors, so that Python agrees with itself."""
    return request.of_job(PYTHON_TIME_ZONE) or TIME_ZONE
