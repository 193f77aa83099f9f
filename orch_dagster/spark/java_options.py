"""Put together the Java options of a driver that runs on this machine."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from orch_dagster.spark.spark_log import LOG_OPTION
from orch_dagster.spark.system_paths import (
    Platform,
    java_option_path,
    quoted_option,
    separator,
)
from orch_dagster.toolchain.class_data import OPTION, OWN_OPTIONS

DRIVER_OPTIONS = "spark.driver.extraJavaOptions"
ALL_DRIVER_OPTIONS = ("spark.driver.defaultJavaOptions", DRIVER_OPTIONS)
"""The properties of Java options that Spark gives a driver; the first is an administrator's."""


def driver_java_options(
    log_config: str | None,
    of_profile: str,
    class_data: Collection[str],
    chosen: Collection[str],
    platform: Platform,
) -> Iterator[str]:
    """Yield the options.

    Args:
        log_config: The log4j file; None for Spark's own.
        of_profile: Those of the job's profile.
        class_data: The class-data archives that it may use.
        chosen: Those that the job and Spark's own configuration give, which may name an archive.
        platform: This system.
    """
    if platform == "win32":
        # As the output is read; by itself Java takes the code page of the machine.
        yield "-Dsun.stdout.encoding=UTF-8 -Dsun.stderr.encoding=UTF-8"
    if log_config:
        yield LOG_OPTION + java_option_path(log_config, platform)
    yield of_profile
    if class_data and not any(own in text for text in chosen for own in OWN_OPTIONS):
        # -Xlog, as an archive that does not fit the job's own options is no news.
        files = separator(platform).join(class_data)
        yield f"{quoted_option(OPTION + files)} -Xlog:cds=off -Xlog:cds+dynamic=off"
