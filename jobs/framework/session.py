"""Get the Spark session of a job."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Any

from framework import report
from framework.contract.paths import as_location, for_spark
from framework.contract.variables import WAREHOUSE_DIR
from framework.driver_elsewhere import driver_log, is_elsewhere
from framework.logging import get_logger
from framework.progress import watch_stages
from framework.shared_job import shared_job
from framework.unzipped_pyspark import prefer_unzipped

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_WAREHOUSE = "spark.sql.warehouse.dir"
_CATALOG = "spark.sql.catalogImplementation"

# Before a script imports PySpark itself.
prefer_unzipped()


def get_spark(app_name: str | None = None) -> SparkSession:
    """Return the session, or create it with the settings of spark-submit.

    Tables that a new session creates are in a folder of the run's own, unless the job sets a
    warehouse (spark.sql.warehouse.dir) or uses a metastore (spark.sql.catalogImplementation=hive).

    The application's id is logged and reported to the orchestrator at once, so that it is known
    even if the job is killed; the progress of its stages is reported while it runs.

    A job that shares its application gets the session that is its own there.

    Args:
        app_name: The application's name; None for that of spark-submit (spark.app.name).
    """
    if (job := shared_job()) is not None:
        return _reported(job.spark)
    from pyspark.sql import SparkSession

    builder: Any = SparkSession.builder
    if app_name is not None:
        builder = builder.appName(app_name)
    if warehouse := _warehouse_of_run():
        builder = builder.config(_WAREHOUSE, warehouse)
    if is_elsewhere():
        # PySpark looks for each archive where the orchestrator has it; YARN put them on the path.
        warnings.filterwarnings("ignore", "Failed to add file", RuntimeWarning)
    return _reported(builder.getOrCreate())


def _reported(spark: SparkSession) -> SparkSession:
    """Log and report the session's application, and report its progress from now on."""
    context = spark.sparkContext
    # The stubs have str, but without a UI it is None.
    spark_ui: str | None = context.uiWebUrl
    get_logger("framework.session").info(
        "application %s on %s, UI %s", context.applicationId, context.master, spark_ui or "off"
    )
    report.application(context.applicationId, spark_ui, driver_log(spark))
    watch_stages(context)
    return spark


def _warehouse_of_run() -> str | None:
    """Return the location of a new session's tables, None if it is not ours to choose."""
    from pyspark import SparkConf, SparkContext

    context: Any = SparkContext
    folder = os.environ.get(WAREHOUSE_DIR)
    if not folder or context._active_spark_context is not None:
        return None
    # Without the JVM that spark-submit has started, a SparkConf is empty.
    context._ensure_initialized()
    conf = SparkConf()
    # The executors of a cluster may not see a folder of this machine.
    is_shared = (conf.get("spark.master") or "").startswith("local")
    is_ours = not conf.contains(_WAREHOUSE) and conf.get(_CATALOG) != "hive"
    return for_spark(as_location(folder)) if is_shared and is_ours else None


def has_tables_of_run(spark: SparkSession) -> bool:
    """Return whether the session's tables are to go with the run: the job keeps them nowhere."""
    folder = os.environ.get(WAREHOUSE_DIR)
    warehouse = str(spark.conf.get(_WAREHOUSE)).rstrip("/")
    # By the name, which has no signs that Spark would encode.
    return not folder or warehouse.rpartition("/")[2] == as_location(folder).rpartition("/")[2]


def is_running(spark: SparkSession) -> bool:
    """Return whether the session's application still runs."""
    from py4j.protocol import Py4JError

    context: Any = spark.sparkContext
    try:
        return context._jsc is not None and not context._jsc.sc().isStopped()
    except (Py4JError, OSError):
        # The JVM is gone.
        return False


def session_of_its_own(spark: SparkSession) -> SparkSession:
    """Return a copy of the session, whose views and settings are its own."""
    from pyspark.sql import SparkSession

    session: Any = spark
    return SparkSession(spark.sparkContext, session._jsparkSession.cloneSession())
