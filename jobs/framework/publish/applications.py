"""Ask YARN whether an application has ended, by the Hadoop client of this process's own JVM.

A driver in cluster mode runs on any node, so its process can't be looked up from another one; the
resource manager knows its application.
"""

from __future__ import annotations

import os
import re
import sys
from typing import Any, Literal

from framework.contract.variables import HADOOP_CONF_DIRS

ApplicationState = Literal["live", "over", "unknown"]

_YARN_ID = re.compile(r"application_\d+_\d+")
_OVER = ("FINISHED", "FAILED", "KILLED")
# Hadoop's own limit is a quarter of an hour.
_LIMITS = {
    "yarn.resourcemanager.connect.max-wait.ms": "10000",
    "yarn.resourcemanager.connect.retry-interval.ms": "1000",
    "ipc.client.connect.max.retries": "1",
}


def application_state(application_id: str | None) -> ApplicationState:
    """Return what the resource manager says of an application; unknown where it can't be asked."""
    if application_id is None or not _YARN_ID.fullmatch(application_id):
        return "unknown"
    context = _active_context()
    if context is None:
        return "unknown"
    from py4j.protocol import Py4JError

    try:
        return "over" if _state(context, application_id) in _OVER else "live"
    except Py4JError:
        # Another cluster's, forgotten, or no resource manager answers.
        return "unknown"


def _active_context() -> Any:
    """Return the Spark context of this process if it may know a YARN, else None."""
    # A process without a session starts none for this.
    pyspark: Any = sys.modules.get("pyspark")
    context = pyspark.SparkContext._active_spark_context if pyspark else None
    if context is None:
        return None
    has_yarn = context.master == "yarn" or any(os.environ.get(name) for name in HADOOP_CONF_DIRS)
    return context if has_yarn else None


def _state(context: Any, application_id: str) -> str:
    hadoop = context._jvm.org.apache.hadoop.yarn
    # With spark.hadoop.… of the job, which may name the resource manager.
    configuration = hadoop.conf.YarnConfiguration(context._jsc.hadoopConfiguration())
    for name, value in _LIMITS.items():
        configuration.set(name, value)
    client = hadoop.client.api.YarnClient.createYarnClient()
    client.init(configuration)
    client.start()
    try:
        found = hadoop.api.records.ApplicationId.fromString(application_id)
        return str(client.getApplicationReport(found).getYarnApplicationState())
    finally:
        client.stop()
