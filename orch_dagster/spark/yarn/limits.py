"""The limits of an application, and what a job is told that reached one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from orch_dagster.spark.queue_limit import RAISE_LIMIT

Expired = Literal["timeout", "queue", "rival"]


@dataclass(frozen=True)
class ApplicationLimits:
    """The limits of an application.

    Attributes:
        timeout_s: Seconds that it may run, from its start on the cluster; None for no limit.
        queue_s: Seconds that it may wait for the cluster; None for no limit.
        waited_s: Seconds of these that its job has waited before its submit.
        remedy: What to do if it has waited for too long.
    """

    timeout_s: float | None = None
    queue_s: float | None = None
    waited_s: float = 0.0
    remedy: str = RAISE_LIMIT


def limit_failure(
    expired: Expired, application_id: str | None, why: str, limits: ApplicationLimits
) -> str | None:
    """Return why an application was ended, in one line; None for one that ran and took too long.

    Args:
        expired: The limit that it reached, or that it gave way to a rival.
        application_id: Its id, if it is known.
        why: What it waited for, or to which rival it gave way.
        limits: Its limits.
    """
    if expired == "rival":
        return f"{application_id} gave way to another application: {why}"
    if expired == "queue":
        subject = application_id or "the submit"
        return waited_too_long(subject, why, limits.queue_s or 0, limits.remedy)
    if not why:
        return None
    minutes = f"{(limits.timeout_s or 0) / 60:g}"
    remedy = "; look at the queue, and at the memory and the cores that its executors ask for"
    lacks_executors = "container for executors" in why
    text = f"timed out after {minutes} minutes and was stopped: {why}"
    return text + remedy if lacks_executors else text


def waited_too_long(subject: str, reason: str, limit_s: float, remedy: str = RAISE_LIMIT) -> str:
    """Return that a job waited for YARN until its limit, in one line.

    >>> waited_too_long("application_1_1", "no node", 90)  # doctest: +ELLIPSIS
    'application_1_1 waited for YARN for 1.5 minutes (no node) and was ended; raise queue.minutes...

    Args:
        subject: The application, or what stands for it.
        reason: Why it waited; '' if that is unknown.
        limit_s: Its limit.
        remedy: What to do.
    """
    of_reason = f" ({reason})" if reason else ""
    return (
        f"{subject} waited for YARN for {limit_s / 60:g} minutes{of_reason} and was ended; {remedy}"
    )
