"""Tell what asks for a container above the maximum of YARN, which Spark refuses before a submit."""

from __future__ import annotations

import re

_ABOVE = re.compile(
    r"Required (?P<whose>executor|AM) memory \(.{1,300}? above the max threshold \((?P<most>\d+) MB"
)
_ASKS = {
    "executor": "an executor asks for more memory than the {most} MB that YARN gives a container: "
    "lower spark.executor.memory, or its overhead",
    "AM": "the first container asks for more memory than the {most} MB that YARN gives one: "
    "lower spark.driver.memory, in client mode spark.yarn.am.memory",
}


def above_maximum(text: str) -> str | None:
    """Return which property asks for too big a container, if a text tells of one, else None.

    >>> said = "Required executor memory (8 MB), and more is above the max threshold (4096 MB) of"
    >>> print(str(above_maximum(said)).partition(":")[0])
    an executor asks for more memory than the 4096 MB that YARN gives a container
    """
    found = _ABOVE.search(text)
    return _ASKS[found["whose"]].format(most=found["most"]) if found else None
