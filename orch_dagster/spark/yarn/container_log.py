"""Fetch the end of what a driver printed in its container, once YARN has aggregated its log."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from orch_dagster.toolchain.errors import SparkError

_LAST_BYTES = 64 << 10
# YARN collects the logs of an application's containers when it has ended.
_AGGREGATED_WITHIN_S = 15.0
_POLL_S = 1.0
# Each log stands between lines of YARN's own.
_CONTENT = re.compile(r"^LogContents:\n(.*?)(?=^End of LogType:|\Z)", re.M | re.S)


class Logs(Protocol):
    """The aggregated logs of YARN."""

    def logs(
        self, application_id: str, last_bytes: int = ..., log_types: Sequence[str] = ...
    ) -> str:
        """Return the end of the logs of an application's first container.

        Raises:
            SparkError: If there are none, or they can't be read.
        """
        ...


def driver_output(
    logs: Logs,
    application_id: str,
    within_s: float = _AGGREGATED_WITHIN_S,
    clock: Callable[[], float] = time.monotonic,
) -> list[str]:
    """Return the last lines that a driver's Python printed, none if its log can't be had.

    The driver's own JVM writes to another file of the container, which is taken if Python printed
    nothing: it has what Spark says of a Python that did not start.
    """
    until_s = clock() + within_s
    while True:
        for kind in ("stdout", "stderr"):
            try:
                text = logs.logs(application_id, _LAST_BYTES, (kind,))
            except SparkError:
                # It has not been aggregated yet, or never will be.
                break
            if lines := _lines(text):
                return lines
        if clock() >= until_s:
            return []
        threading.Event().wait(_POLL_S)


def _lines(text: str) -> list[str]:
    content = "".join(match[1] for match in _CONTENT.finditer(text))
    return content.strip("\n").splitlines()
