"""Start the local Spark that the tests of a process share."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from framework.contract.spark_defaults import TIME_ZONE, spark_defaults
from orch_dagster.testing.errors import KitError
from orch_dagster.toolchain.find import find_java, find_spark, read_spark_defaults
from orch_dagster.toolchain.windows_tools import LOCAL_FILES, path_with_tools

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_MASTER = "local[2]"
_JVM_OPTIONS = "JDK_JAVA_OPTIONS"
# With these a JVM for small frames starts in two thirds of the time.
_QUICK_START = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
# Spark's error classes for a property that belongs to the application, not to a session.
_APPLICATION_WIDE = ("CANNOT_MODIFY_CONFIG", "_LEGACY_ERROR_TEMP_1325")


@contextmanager
def local_spark(folder: Path, module_path: Sequence[Path]) -> Generator[SparkSession]:
    """Start a Spark of two cores without a UI, with its own files below `folder`; stop it at exit.

    If a session runs in this process already, yield that one and leave it running.

    Raises:
        JavaError: If Java 17 is missing.
        HadoopHomeError: If one of Hadoop's tools for Windows is missing there.
    """
    from pyspark.sql import SparkSession

    running = SparkSession.getActiveSession()
    if running is not None:
        yield running
        return
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("JAVA_HOME", str(find_java(os.environ).home))
        environment.setenv("PYSPARK_PYTHON", sys.executable)
        if path := path_with_tools(os.environ, needs_library=_needs_library(sys.platform)):
            environment.setenv("PATH", path)
        if not os.environ.get(_JVM_OPTIONS):
            environment.setenv(_JVM_OPTIONS, _QUICK_START)
        # For the Python workers, which inherit it from the JVM.
        environment.setenv("TZ", TIME_ZONE)
        spark = _started(folder, module_path)
    try:
        spark.sparkContext.setLogLevel("ERROR")
        yield spark
    finally:
        spark.stop()


def _needs_library(platform: str) -> bool:
    """Return whether local files are read by Hadoop's own class, which calls a dll on Windows."""
    if platform != "win32":
        return False
    return LOCAL_FILES not in read_spark_defaults(find_spark(os.environ), os.environ)


def _started(folder: Path, module_path: Sequence[Path]) -> SparkSession:
    from pyspark.sql import SparkSession

    from framework.contract.paths import as_location, for_spark
    from framework.contract.spark_defaults import JVM_TIME_ZONE

    properties = {
        **spark_defaults(_MASTER),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.executorEnv.PYTHONPATH": os.pathsep.join(map(str, module_path)),
        "spark.driver.extraJavaOptions": JVM_TIME_ZONE,
        "spark.sql.warehouse.dir": for_spark(as_location(str(folder / "warehouse"))),
    }
    # pyspark's stubs lack the type of its class property.
    builder: Any = SparkSession.builder
    builder = builder.master(_MASTER).appName("landing tests").config(map=properties)
    spark: SparkSession = builder.getOrCreate()
    # Else Derby, of a metastore or a test's own database, logs to the working folder.
    context: Any = spark.sparkContext
    context._jvm.java.lang.System.setProperty("derby.system.home", str(folder))
    return spark


def session_with(spark: SparkSession, properties: Mapping[str, str]) -> SparkSession:
    """Return a new session with a job's Spark properties, and the defaults of runs below them.

    A default does not replace what the shared Spark was started with. Properties of the
    application as a whole, such as its memory, stay those of the shared Spark.

    Raises:
        KitError: If the shared Spark was stopped.
        pyspark.errors.PySparkException: If Spark refuses a property's value.
    """
    from pyspark.errors import AnalysisException

    from framework.session import is_running

    if not is_running(spark):
        raise KitError("the shared Spark was stopped; a test or a fixture must have done it")
    session = spark.newSession()
    started_with = dict(spark.sparkContext.getConf().getAll())
    defaults = spark_defaults(_MASTER).items()
    unset = {name: value for name, value in defaults if name not in started_with}
    for name, value in {**unset, **properties}.items():
        try:
            session.conf.set(name, value)
        except AnalysisException as refused:
            if refused.getErrorClass() not in _APPLICATION_WIDE:
                raise
    return session
