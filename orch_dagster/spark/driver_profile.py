"""Choose what the driver of a small job gives up for its start, as its spark.profile says."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from framework.contract.system_settings import SMALL
from orch_dagster.control.sys_params import MASTER
from orch_dagster.spark.cores import available_cores
from orch_dagster.spark.java_options import ALL_DRIVER_OPTIONS

# Of two collectors Java refuses to start.
_COLLECTOR = re.compile(r"-XX:\+Use\w+GC\b")
_LOCAL = re.compile(r"local(?:\[\s*(\*|\d+)\s*(?:,.*)?\])?")
SUBMIT_OPTIONS = "SPARK_SUBMIT_OPTS"
"""The variable with more Java options of any spark-submit."""
LAUNCHER_OPTIONS = "SPARK_LAUNCHER_OPTS"
"""The variable of the JVM in which Spark's script puts the command of the driver together."""

# Of a longer job the start is a small part, and the slower code of the first compiler a larger one.
_SHORT_S = 20.0
_JAVA_VARIABLES = ("JDK_JAVA_OPTIONS", "JAVA_TOOL_OPTIONS", SUBMIT_OPTIONS)


@dataclass(frozen=True)
class DriverProfile:
    """The properties and Java options that a profile gives a job.

    Attributes:
        properties: Spark properties, over which the job's own win.
        java_options: Options of the driver's JVM, where it runs on this machine.
    """

    properties: Mapping[str, str] = field(default_factory=dict[str, str])
    java_options: str = ""


def gains_from_small(duration_s: float) -> bool:
    """Return whether a job that takes so long mostly starts things."""
    return duration_s <= _SHORT_S


def driver_profile(
    name: str,
    properties: Mapping[str, str],
    spark_defaults: Mapping[str, str],
    default_master: str,
    environ: Mapping[str, str],
    env_script: str = "",
) -> DriverProfile:
    """Return what the profile of that name gives a job.

    >>> small = driver_profile("small", {"spark.master": "local[3]"}, {}, "local[*]", {})
    >>> small.java_options, small.properties["spark.sql.shuffle.partitions"]
    ('-XX:TieredStopAtLevel=1 -XX:+UseSerialGC', '3')

    Args:
        name: The value of spark.profile.
        properties: The job's own.
        spark_defaults: Those of spark-defaults.conf.
        default_master: The master where neither names one.
        environ: The environment, from which the JVM takes options too.
        env_script: The text of the script by which Spark adds to it.
    """
    if name != SMALL:
        return DriverProfile()
    of_profile = {"spark.ui.enabled": "false"}
    master = properties.get(MASTER) or spark_defaults.get(MASTER) or default_master
    if of_local := _LOCAL.fullmatch(master.strip()):
        cores = of_local.group(1) or "1"
        count = available_cores() if cores == "*" else int(cores)
        of_profile["spark.sql.shuffle.partitions"] = str(max(1, count))
    chosen = [environ.get(each, "") for each in _JAVA_VARIABLES]
    chosen += [
        each.get(key, "") for each in (properties, spark_defaults) for key in ALL_DRIVER_OPTIONS
    ]
    return DriverProfile(of_profile, _quick_start([*chosen, env_script]))


def brief_options(variable: str, environ: Mapping[str, str], env_script: str = "") -> str:
    """Return the Java options of a JVM that lives for seconds, the environment's own at their end.

    >>> brief_options("SPARK_SUBMIT_OPTS", {"SPARK_SUBMIT_OPTS": "-Da=b"})
    '-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Da=b'

    Args:
        variable: The variable by which that JVM takes options.
        environ: The environment.
        env_script: The text of the script by which Spark adds to it.
    """
    chosen = [environ.get(each, "") for each in {*_JAVA_VARIABLES, variable}]
    return f"{_quick_start([*chosen, env_script])} {environ.get(variable, '')}".strip()


def _quick_start(chosen: Collection[str]) -> str:
    """Return the options of a JVM that lives for seconds, besides those chosen for it."""
    options = ["-XX:TieredStopAtLevel=1"]
    if not any(_COLLECTOR.search(text) for text in chosen):
        options.append("-XX:+UseSerialGC")
    return " ".join(options)
