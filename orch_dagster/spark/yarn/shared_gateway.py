"""The gateway to a cluster that all jobs of this process share."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Mapping

from framework.contract.variables import HADOOP_CONF_DIRS
from orch_dagster.spark.yarn.gateway import YarnGateway

_shared: dict[tuple[str, ...], YarnGateway] = {}
_shared_guard = threading.Lock()
_KEYS = (
    *HADOOP_CONF_DIRS,
    "JAVA_HOME",
    "ORCH_SPARK_HOME",
    "SPARK_HOME",
    "KRB5CCNAME",
    "KRB5_CONFIG",
)


def running_gateway(environ: Mapping[str, str]) -> YarnGateway | None:
    """Return this process's gateway to the cluster of an environment if it runs; start none."""
    with _shared_guard:
        gateway = _shared.get(_key(environ))
    return gateway if gateway is not None and gateway.is_running else None


def shared_gateway(environ: Mapping[str, str]) -> YarnGateway:
    """Return this process's gateway to the cluster of an environment; it ends with this process.

    Raises:
        YarnError: If the environment names no configuration of Hadoop.
        SparkError: If Java or Spark is missing.
    """
    key = _key(environ)
    with _shared_guard:
        if key not in _shared:
            _shared[key] = YarnGateway.of(environ)
            atexit.register(_shared[key].close)
        return _shared[key]


def _key(environ: Mapping[str, str]) -> tuple[str, ...]:
    # A fork of this process has no thread that reads the answers.
    return (str(os.getpid()), *(environ.get(name, "") for name in _KEYS))
