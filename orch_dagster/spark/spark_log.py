"""Keep Spark's own log short: its warnings and errors, and what YARN does with the application."""

from __future__ import annotations

import sys
from pathlib import Path

from orch_dagster.files import write_atomically

LOG_OPTION = "-Dlog4j2.configurationFile="
"""The Java option that names the file."""

_SUFFIXES = (".properties", ".xml", ".yaml", ".yml", ".json")
# The layout is Spark's own. The level is the root's, which spark.log.level and setLogLevel change.
_CONFIG = """\
rootLogger.level = warn
rootLogger.appenderRef.stderr.ref = console

appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{yy/MM/dd HH:mm:ss} %p %c{1}: %m%n%ex

logger.yarn.name = org.apache.spark.deploy.yarn
logger.yarn.level = info
logger.yarnclient.name = org.apache.hadoop.yarn.client
logger.yarnclient.level = info
logger.jetty.name = org.sparkproject.jetty.util.component.AbstractLifeCycle
logger.jetty.level = error
logger.metastore.name = org.apache.hadoop.hive.metastore.RetryingHMSHandler
logger.metastore.level = fatal
logger.functions.name = org.apache.hadoop.hive.ql.exec.FunctionRegistry
logger.functions.level = error
logger.parquet.name = org.apache.parquet.CorruptStatistics
logger.parquet.level = error
"""
# Windows can't remove a jar that the JVM still has open, of which Spark makes four traces a run.
_ON_WINDOWS = """\
logger.shutdown.name = org.apache.spark.util.ShutdownHookManager
logger.shutdown.level = off
logger.env.name = org.apache.spark.SparkEnv
logger.env.level = error
"""


def log_config(folder: Path) -> Path:
    """Write the file to `folder`, unless it is there, and return its path.

    Raises:
        OSError: If it can't be written.
    """
    file = folder / "log4j2.properties"
    config = _CONFIG + (_ON_WINDOWS if sys.platform == "win32" else "")
    if not file.is_file() or file.read_text(encoding="utf-8") != config:
        write_atomically(file, config)
    return file


def has_log_config(conf_dir: Path) -> bool:
    """Return whether Spark's folder of configuration has one of log4j, which then holds."""
    return any(file.suffix in _SUFFIXES for file in conf_dir.glob("log4j*"))
