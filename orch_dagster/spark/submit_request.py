"""The settings of a spark-submit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from orch_dagster.spark.deployment import DEFAULT_MASTER
from orch_dagster.spark.direct_start import DirectStart


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
        launcher_options: Those of the JVM in which Spark's script puts the command together.
        driver_options: More Java options of a driver that runs here, over which the job's own win.
        class_data: The class-data archives of a driver that runs here.
        conf_dir: The folder that stands for Spark's own of configuration; '' for that itself.
        pyspark_dir: The folder with Spark's package pyspark for a driver that runs here; '' if
            Spark has it zipped alone.
        direct_start: With what a driver's JVM is started that runs here; None by Spark's script.
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
    launcher_options: str = ""
    driver_options: str = ""
    class_data: tuple[str, ...] = ()
    conf_dir: str = ""
    pyspark_dir: str = ""
    direct_start: DirectStart | None = None

    def of_job(self, name: str) -> str:
        """Return a property as the job has it: its own, else that of spark-defaults.conf."""
        return self.spark_properties.get(name) or self.spark_defaults.get(name, "")
