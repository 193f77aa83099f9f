"""Tell what asks for a container above the maximum of YARN, which is refused at once."""

from __future__ import annotations

import re

# Spark's words before a submit.
_ABOVE = re.compile(
    r"Required (?P<whose>executor|AM) memory \(.{1,300}? above the max threshold \((?P<most>\d+) MB"
)
_ASKS = {
    "executor": "an executor asks for more memory than the {most} MB that YARN gives a container: "
    "lower spark.executor.memory, or its overhead",
    "AM": "the first container asks for more memory than the {most} MB that YARN gives one: "
    "lower spark.driver.memory, in client mode spark.yarn.am.memory",
}
# YARN's words when an application asks for executors.
_CORES_ABOVE = re.compile(
    r"Requested resource type=\[vcores\], .{1,300}?maximum allowed allocation=<[^>]{0,300}?"
    r"vCores:(?P<most>\d+)"
)


def above_maximum(text: str) -> str | None:
    """Return which property asks for too big a container, if a text tells of one, else None.

    >>> said = "Required executor memory (8 MB), and more is above the max threshold (4096 MB) of"
    >>> print(str(above_maximum(said)).partition(":")[0])
    an executor asks for more memory than the 4096 MB that YARN gives a container
    """
    found = _ABOVE.search(text)
    return _ASKS[found["whose"]].format(most=found["most"]) if found else None


def cores_above_maximum(diagnostics: str) -> str | None:
    """Return that executors ask for too many cores, if that ended their application, else None."""
    found = _CORES_ABOVE.search(diagnostics)
    if not found:
        return None
    return (
        f"an executor asks for more cores than the {found['most']} that YARN gives a container: "
        "lower spark.executor.cores"
    )
