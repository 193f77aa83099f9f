"""Tell the values of Spark's properties that no application starts with, as their type says."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from framework.contract.setting_values import is_time_zone
from orch_dagster.toolchain.spark_names import is_property

DRIVER_MEMORY = "spark.driver.memory"
# As Spark and, for the driver's memory, Java read them.
_SIZE = re.compile(r"\d+([kmgtp]b?|b)?", re.ASCII)
_HEAP = re.compile(r"(\d+)([kmgt]?)", re.ASCII | re.IGNORECASE)
_LEAST_HEAP_BYTES = 2 * 1024 * 1024
_COUNT = re.compile(r"[+-]?\d+")
_OFFSET = re.compile(r"Z|UTC|GMT|UT|(UTC|GMT|UT)?[+-]\d{1,2}(:?\d{1,2}){0,2}", re.ASCII)
# Java's, of which Python knows a few.
_SHORT_ZONE = re.compile("[A-Z]{3}")

_SIZES = (
    "spark.driver.memoryOverhead", "spark.executor.memory", "spark.executor.memoryOverhead",
    "spark.executor.pyspark.memory", "spark.files.maxPartitionBytes", "spark.kryoserializer.buffer",
    "spark.kryoserializer.buffer.max", "spark.memory.offHeap.size",
    "spark.sql.adaptive.advisoryPartitionSizeInBytes",
    "spark.sql.files.maxPartitionBytes", "spark.yarn.am.memory", "spark.yarn.am.memoryOverhead",
)  # fmt: skip
_COUNTS = (
    "spark.cores.max", "spark.default.parallelism", "spark.driver.cores",
    "spark.dynamicAllocation.initialExecutors", "spark.dynamicAllocation.maxExecutors",
    "spark.dynamicAllocation.minExecutors", "spark.executor.cores", "spark.executor.instances",
    "spark.sql.shuffle.partitions", "spark.task.cpus", "spark.task.maxFailures",
    "spark.yarn.am.cores",
)  # fmt: skip
_FLAGS = ("spark.speculation", "spark.sql.caseSensitive")
# Their ends mean nothing: they are lists, options and names that Spark or a run strips anyway.
_STRIPPED = (
    "spark.archives", "spark.driver.defaultJavaOptions", "spark.driver.extraJavaOptions",
    "spark.executor.defaultJavaOptions", "spark.executor.extraJavaOptions", "spark.files",
    "spark.jars", "spark.master", "spark.submit.deployMode", "spark.submit.pyFiles",
    "spark.yarn.tags",
)  # fmt: skip


def value_fault(name: str, value: str) -> str | None:
    """Return why a property can't have a value, None if it can or its type is not known here.

    >>> value_fault("spark.executor.memory", "1.5g")
    "is '1.5g', not a size such as 4g or 512m"
    >>> value_fault("spark.driver.memory", "4gb"), value_fault("spark.executor.memory", "4gb")
    ("is '4gb', not a size such as 4g or 512m, as Java reads it", None)
    """
    if "${" in value or name.startswith("spark.hadoop."):
        # Spark puts another property or a variable there; Hadoop takes its default for nonsense.
        return None
    fault = _flag_fault if _is_flag(name) else _FAULTS.get(name)
    reason = fault(value) if fault else None
    return f"is {value[:60]!r}, {reason}" if reason else None


def lost_ends(name: str, value: str, platform: str, *, is_secret: bool) -> str | None:
    r"""Return what is lost of a property's value that Spark reads from a file, None if nothing is.

    >>> lost_ends("spark.x", " a", "win32", is_secret=False)
    'Spark drops the spaces and tabs at the ends of its value on Windows'
    >>> lost_ends("spark.x", "a\t", "linux", is_secret=True)
    'Spark drops the spaces and tabs at the ends of its value, as it is a secret'
    """
    is_in_file = platform == "win32" or is_secret
    # Line ends stay, as Spark reads the file.
    ends = {*value[:1], *value[-1:]} - {"\r", "\n"}
    if not is_in_file or all(end > " " for end in ends):
        return None
    if name in _STRIPPED or name in _FAULTS or _is_flag(name):
        return None
    why = " on Windows" if platform == "win32" else ", as it is a secret"
    return f"Spark drops the spaces and tabs at the ends of its value{why}"


def heap_bytes(value: str) -> int | None:
    """Return the size of a driver's memory as Java reads it, None if it reads none.

    >>> heap_bytes("4g"), heap_bytes("1.5g")
    (4294967296, None)
    """
    match = _HEAP.fullmatch(value)
    if match is None or _heap_fault(value):
        return None
    return int(match[1][:20]) << 10 * " kmgt".index(match[2].lower() or " ")


def starts_in_a_cluster(name: str, value: str) -> bool:
    """Return whether a driver in cluster mode takes a value that Java, which starts others, lacks.

    >>> starts_in_a_cluster("spark.driver.memory", "4gb")
    True
    """
    return name == DRIVER_MEMORY and _size_fault(value) is None


def _is_flag(name: str) -> bool:
    return name in _FLAGS or (name.endswith(".enabled") and is_property(name))


def _heap_fault(value: str) -> str | None:
    """Return why a value can't follow -Xmx, which has no space, no kb and no unit of its own."""
    if not value:
        # spark-submit takes its default.
        return None
    match = _HEAP.fullmatch(value)
    if match is None:
        return "not a size such as 4g or 512m, as Java reads it"
    if not match[2] and (len(match[1]) < 7 or int(match[1][:20]) < _LEAST_HEAP_BYTES):
        return f"which Java reads as bytes: write {match[1][:20]}m"
    return None


def _size_fault(value: str) -> str | None:
    return None if _SIZE.fullmatch(value.strip().lower()) else "not a size such as 4g or 512m"


def _threshold_fault(value: str) -> str | None:
    """Return the same for a size that may be -1, which is no limit or none at all."""
    return _size_fault(value.strip().removeprefix("-"))


def _count_fault(value: str) -> str | None:
    return None if _COUNT.fullmatch(value.strip()) else "not a whole number such as 4"


def _flag_fault(value: str) -> str | None:
    return None if value.strip().lower() in ("true", "false") else "not true or false"


def _zone_fault(value: str) -> str | None:
    is_known = _OFFSET.fullmatch(value) or _SHORT_ZONE.fullmatch(value) or is_time_zone(value)
    return None if is_known else "not a time zone such as Europe/Berlin"


_FAULTS: Mapping[str, Callable[[str], str | None]] = {
    **dict.fromkeys(_SIZES, _size_fault),
    **dict.fromkeys(_COUNTS, _count_fault),
    DRIVER_MEMORY: _heap_fault,
    "spark.driver.maxResultSize": _threshold_fault,
    "spark.sql.autoBroadcastJoinThreshold": _threshold_fault,
    "spark.sql.session.timeZone": _zone_fault,
}
