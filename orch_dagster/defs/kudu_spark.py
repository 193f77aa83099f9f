"""A Spark session inside Dagster that reads the control tables in Kudu.

Code locations on another store don't have it.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import dagster as dg

from orch_dagster.control.kudu.address import parse_address
from orch_dagster.settings import Settings
from orch_dagster.spark.command import ADD_EXPORTS
from orch_dagster.spark.job_submit import KUDU_MASTER
from orch_dagster.toolchain.find import find_java, find_spark, read_spark_defaults
from orch_dagster.toolchain.jars import kudu_jar

if TYPE_CHECKING:
    from dagster_pyspark import LazyPySparkResource
    from pyspark import SparkContext
    from pyspark.sql import DataFrame, SparkSession

KUDU_SPARK_KEY = "kudu_spark"

_JAVA_OPTIONS = "spark.driver.extraJavaOptions"


class KuduSpark:
    """dagster-pyspark's resource with a session that has the Kudu connector.

    The session starts at its first use, in a step's thread: in the main thread pyspark would
    handle Ctrl-C itself, and Dagster couldn't end the run.

    Args:
        settings: Settings whose control store is in Kudu.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._pyspark: LazyPySparkResource | None = None

    @property
    def spark_session(self) -> SparkSession:
        """The session of this run.

        Raises:
            OrchError: If Java, Spark or the connector's jar is missing.
        """
        with self._lock:
            if self._pyspark is None:
                # The import takes a fifth of a second, and loads pyspark.
                from dagster_pyspark import LazyPySparkResource

                config = spark_config(self._settings)
                # pyspark reads the environment alone; all jobs of this process get the same values.
                os.environ["JAVA_HOME"] = str(find_java(os.environ).home)
                os.environ["SPARK_HOME"] = str(find_spark(os.environ).home)
                os.environ["PYSPARK_PYTHON"] = sys.executable
                pyspark = LazyPySparkResource(spark_config=config)
                _ = pyspark.spark_session
                self._pyspark = pyspark
            return self._pyspark.spark_session

    @property
    def spark_context(self) -> SparkContext:
        """The session's context."""
        return self.spark_session.sparkContext

    def control_table(self, name: str) -> DataFrame:
        """Return a control table as it is now; Kudu applies the filters on it.

        Args:
            name: The table's name, such as execution_log.

        Raises:
            OrchError: If Java, Spark or the connector's jar is missing.
        """
        address = parse_address(self._settings.control_url)
        options = {
            "kudu.master": ",".join(address.masters),
            "kudu.table": name,
            "kudu.requireAuthentication": str(address.require_authentication).lower(),
            "kudu.encryptionPolicy": address.encryption_policy,
            "kudu.saslProtocolName": address.sasl_protocol_name,
        }
        return self.spark_session.read.format("kudu").options(**options).load()

    def close(self) -> None:
        """Stop the session, if one is running; a pending start ends with this process."""
        if not self._lock.acquire(timeout=self._settings.stop_grace_s):
            return
        try:
            if self._pyspark is not None:
                self._pyspark.spark_session.stop()
                self._pyspark = None
        finally:
            self._lock.release()


def kudu_spark_resource(settings: Settings) -> dg.ResourceDefinition:
    """Return KuduSpark as a resource, for users' own assets."""

    @dg.resource(description="A local Spark session (dagster-pyspark) with the connector of Kudu.")
    @contextmanager
    def kudu_spark(_context: dg.InitResourceContext) -> Generator[KuduSpark]:
        resource = KuduSpark(settings)
        try:
            yield resource
        finally:
            resource.close()

    return kudu_spark


def spark_config(settings: Settings) -> dict[str, str]:
    """Return the Spark properties of the session.

    Raises:
        OrchError: If Spark, the connector's jar or the URL's masters are missing.
    """
    defaults = read_spark_defaults(find_spark(os.environ), os.environ)
    # ORC stores times in the JVM's zone.
    options = (ADD_EXPORTS, defaults.get(_JAVA_OPTIONS, ""), "-Duser.timezone=UTC")
    jars = (str(kudu_jar(settings.home, os.environ).absolute()), defaults.get("spark.jars", ""))
    return {
        # The tables are small: the cluster of spark-defaults.conf is for the jobs.
        "spark.master": "local[2]",
        "spark.submit.deployMode": "client",
        "spark.app.name": "orch_dagster control tables",
        "spark.jars": ",".join(filter(None, jars)),
        _JAVA_OPTIONS: " ".join(filter(None, options)),
        KUDU_MASTER: ",".join(parse_address(settings.control_url).masters),
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.warehouse.dir": (settings.state_dir / "work" / "spark-warehouse").as_uri(),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
