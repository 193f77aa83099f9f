"""Fetch the end of what a driver printed in its container, once YARN has aggregated its log."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from orch_dagster.toolchain.errors import SparkError

_LAST_BYTES = 64 << 10
# YARN collects the logs of an application's containers when it has ended: soon, but for a node that
# is busy.
_AGGREGATED_WITHIN_S = 30.0
_POLL_S = 1.0
# Each log stands between lines of YARN's own.
_LOG = re.compile(
    r"^LogType:(?P<kind>\S+)\n.*?^LogContents:\n(?P<text>.*?)(?=^End of LogType:(?P=kind)|\Z)",
    re.M | re.S,
)
# Python's own, and the JVM's, which has what Spark says of a Python that did not start.
_KINDS = ("stdout", "stderr")


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
    warn: Callable[[str], object] = lambda _: None,
) -> list[str]:
    """Return the last lines that a driver's Python printed, or else its JVM, none without a log.

    Both are of one reading: YARN says nothing of a log that it has not collected yet, so between
    two readings the JVM's may have come, and Python's would be taken for empty.

    Args:
        logs: The logs.
        application_id: The application of the driver.
        within_s: Seconds that YARN has to collect them.
        clock: Seconds of a monotonic clock.
        warn: Called with why there are no lines.
    """
    until_s = clock() + within_s
    while True:
        why = "it has collected none"
        try:
            if lines := _lines(logs, application_id):
                return lines
        except SparkError as error:
            # It has not been collected yet, or never will be.
            why = str(error)
        if clock() >= until_s:
            warn(
                f"YARN gave no log of the driver of {application_id} within {within_s:g} s: {why}; "
                "it may be on its node only (yarn.log-aggregation-enable)"
            )
            return []
        threading.Event().wait(_POLL_S)


def _lines(logs: Logs, application_id: str) -> list[str]:
    text = logs.logs(application_id, _LAST_BYTES, _KINDS)
    texts = {found["kind"]: found["text"].strip("\n") for found in _LOG.finditer(text)}
    return next((texts[kind].splitlines() for kind in _KINDS if texts.get(kind)), [])
