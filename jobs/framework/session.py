"""Get the Spark session of a job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from framework import report
from framework.logging import get_logger
from framework.progress import watch_stages

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def get_spark(app_name: str | None = None) -> SparkSession:
    """Return the session, or create it with the settings of spark-submit.

    The application's id is logged and reported to the orchestrator at once, so that it is known
    even if the job is killed; the progress of its stages is reported while it runs.

    Args:
        app_name: The application's name; None for that of spark-submit (spark.app.name).
    """
    from pyspark.sql import SparkSession

    builder: Any = SparkSession.builder
    if app_name is not None:
        builder = builder.appName(app_name)
    spark: SparkSession = builder.getOrCreate()
    context = spark.sparkContext
    # The stubs have str, but without a UI it is None.
    spark_ui: str | None = context.uiWebUrl
    get_logger("framework.session").info(
        "application %s on %s, UI %s", context.applicationId, context.master, spark_ui or "off"
    )
    report.application(context.applicationId, spark_ui)
    watch_stages(context)
    return spark


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
