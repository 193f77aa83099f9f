"""Choose the Java options of a driver, and what that of a small job gives up for its start."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from framework.contract.system_settings import SMALL
from orch_dagster.control.sys_params import MASTER
from orch_dagster.spark.cores import available_cores
from orch_dagster.spark.direct_start import default_memory
from orch_dagster.spark.java_options import ALL_DRIVER_OPTIONS
from orch_dagster.toolchain.spark_values import DRIVER_MEMORY, heap_bytes

# Of two collectors Java refuses to start. Options in a file may name one too, and those of G1 are
# for it, as it is the one that Java takes by itself.
_COLLECTOR = re.compile(
    r"-XX:\+Use\w+GC\b|-XX:(?:Flags|VMOptionsFile)=|(?:^|\s)@"
    r"|-XX:[+-]?G1|-XX:(?:InitiatingHeapOccupancyPercent|MaxGCPauseMillis|ConcGCThreads)="
    r"|-XX:\+UseStringDeduplication"
)
_LOCAL = re.compile(r"local(?:\[\s*(\*|\d+)\s*(?:,.*)?\])?")
SUBMIT_OPTIONS = "SPARK_SUBMIT_OPTS"
"""The variable with more Java options of any spark-submit."""
LAUNCHER_OPTIONS = "SPARK_LAUNCHER_OPTS"
"""The variable of the JVM in which Spark's script puts the command of the driver together."""

# Of a longer job the start is a small part, and the slower code of the first compiler a larger one.
_SHORT_S = 20.0
_JAVA_VARIABLES = ("JDK_JAVA_OPTIONS", "JAVA_TOOL_OPTIONS", SUBMIT_OPTIONS)
# In the script of variables, whose values a shell knows.
_SETS_MEMORY = re.compile(r"\bSPARK_(?:DRIVER_)?MEM")

_PARALLEL = "-XX:+UseParallelGC"
# It keeps a part of the heap empty, which a smaller one lacks: Spark asks for 450 MB. In a larger
# one its pauses are long.
_PARALLEL_LEAST, _PARALLEL_MOST = 1 << 30, 32 << 30

# Java's own values. A driver compiles code for each query, and its second compiler takes a quarter
# of the processor time of a landing of a million rows, most of it for code that soon ends.
_SECOND_COMPILER = {
    "Tier4InvocationThreshold": 5_000,
    "Tier4MinInvocationThreshold": 600,
    "Tier4CompileThreshold": 15_000,
    "Tier4BackEdgeThreshold": 40_000,
}
_TIMES_LATER = 10
_LATER = " ".join(f"-XX:{name}={of * _TIMES_LATER}" for name, of in _SECOND_COMPILER.items())


@dataclass(frozen=True)
class DriverProfile:
    """The properties and Java options that a profile gives a job; over both its own win.

    Attributes:
        properties: Spark properties.
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
    conf_texts: str = "",
) -> DriverProfile:
    """Return what the profile of that name gives a job.

    The default one is for landings of some size: Java's second compiler begins later, as a driver
    has code for each query, and where the driver computes, its collector is the parallel one.

    >>> small = driver_profile("small", {"spark.master": "local[3]"}, {}, "local[*]", {})
    >>> small.java_options, small.properties["spark.sql.shuffle.partitions"]
    ('-XX:TieredStopAtLevel=1 -XX:+UseSerialGC', '3')

    Args:
        name: The value of spark.profile.
        properties: The job's own.
        spark_defaults: Those of spark-defaults.conf.
        default_master: The master where neither names one.
        environ: The environment, from which the JVM takes options too.
        conf_texts: What Spark's own scripts add to both, as `read_conf_texts` has it.
    """
    master = properties.get(MASTER) or spark_defaults.get(MASTER) or default_master
    of_local = _LOCAL.fullmatch(master.strip())
    chosen = [environ.get(each, "") for each in _JAVA_VARIABLES]
    chosen += [
        each.get(key, "") for each in (properties, spark_defaults) for key in ALL_DRIVER_OPTIONS
    ]
    chosen.append(conf_texts)
    if name != SMALL:
        memory = properties.get(DRIVER_MEMORY) or spark_defaults.get(DRIVER_MEMORY, "")
        if not memory and not _SETS_MEMORY.search(conf_texts):
            memory = default_memory(environ)
        heap = heap_bytes(memory) or 0
        # Elsewhere the driver computes little.
        computes_here = of_local and _PARALLEL_LEAST <= heap < _PARALLEL_MOST
        collector = _PARALLEL if computes_here else ""
        return DriverProfile(java_options=_collected(_LATER, collector, chosen))
    of_profile = {"spark.ui.enabled": "false"}
    if of_local:
        cores = of_local.group(1) or "1"
        count = available_cores() if cores == "*" else int(cores)
        of_profile["spark.sql.shuffle.partitions"] = str(max(1, count))
    return DriverProfile(of_profile, _quick_start(chosen))


def brief_options(variable: str, environ: Mapping[str, str], conf_texts: str = "") -> str:
    """Return the Java options of a JVM that lives for seconds, the environment's own at their end.

    >>> brief_options("SPARK_SUBMIT_OPTS", {"SPARK_SUBMIT_OPTS": "-Da=b"})
    '-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Da=b'

    Args:
        variable: The variable by which that JVM takes options.
        environ: The environment.
        conf_texts: What Spark's own scripts add to it.
    """
    chosen = [environ.get(each, "") for each in {*_JAVA_VARIABLES, variable}]
    return f"{_quick_start([*chosen, conf_texts])} {environ.get(variable, '')}".strip()


def _quick_start(chosen: Collection[str]) -> str:
    """Return the options of a JVM that lives for seconds, besides those chosen for it."""
    return _collected("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", chosen)


def _collected(options: str, collector: str, chosen: Collection[str]) -> str:
    """Return the options with a collector, unless the chosen ones are or may be for another."""
    is_chosen = any(_COLLECTOR.search(text) for text in chosen)
    return options if is_chosen else f"{options} {collector}".strip()
