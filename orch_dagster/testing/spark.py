"""The local Spark that the tests of a process share."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orch_dagster.testing.errors import KitError
from orch_dagster.toolchain.find import find_java

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_JVM_OPTIONS = "JDK_JAVA_OPTIONS"
# A JVM of small frames that lives for some minutes starts in two thirds of the time with these.
_QUICK_START = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
# What Spark answers where a property is the application's and no session's.
_APPLICATION_WIDE = ("CANNOT_MODIFY_CONFIG", "_LEGACY_ERROR_TEMP_1325")


@contextmanager
def local_spark(folder: Path, jobs_dir: Path) -> Generator[SparkSession]:
    """A Spark of two cores, without a UI, whose own files are below `folder`; stopped at the end.

    A session that runs in this process already is used as it is, and left running.

    Raises:
        JavaError: There is no Java 17.
    """
    from pyspark.sql import SparkSession

    running = SparkSession.getActiveSession()
    if running is not None:
        yield running
        return
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("JAVA_HOME", str(find_java(os.environ).home))
        environment.setenv("PYSPARK_PYTHON", sys.executable)
        if not os.environ.get(_JVM_OPTIONS):
            environment.setenv(_JVM_OPTIONS, _QUICK_START)
        spark = _started(folder, jobs_dir)
    try:
        spark.sparkContext.setLogLevel("ERROR")
        yield spark
    finally:
        spark.stop()


def _started(folder: Path, jobs_dir: Path) -> SparkSession:
    from pyspark.sql import SparkSession

    from framework.contract.paths import as_location, for_spark

    properties = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.executorEnv.PYTHONPATH": str(jobs_dir),
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.warehouse.dir": for_spark(as_location(str(folder / "warehouse"))),
    }
    # pyspark's stubs do not know what its class property returns.
    builder: Any = SparkSession.builder
    builder = builder.master("local[2]").appName("landing tests").config(map=properties)
    spark: SparkSession = builder.getOrCreate()
    # Derby, of a metastore or a test's own database, logs to the working folder otherwise.
    context: Any = spark.sparkContext
    context._jvm.java.lang.System.setProperty("derby.system.home", str(folder))
    return spark


def session_with(spark: SparkSession, properties: Mapping[str, str]) -> SparkSession:
    """A session of its own with a job's Spark properties.

    Those of the application as a whole, such as its memory, stay as the shared Spark has them.

    Raises:
        KitError: The shared Spark is gone.
        pyspark.errors.PySparkException: A property has a value that Spark refuses.
    """
    from pyspark.errors import AnalysisException

    from framework.session import is_running

    if not is_running(spark):
        raise KitError("the shared Spark was stopped; a test or a fixture must have done it")
    own = spark.newSession()
    for name, value in properties.items():
        try:
            own.conf.set(name, value)
        except AnalysisException as refused:
            if refused.getErrorClass() not in _APPLICATION_WIDE:
                raise
    return own
