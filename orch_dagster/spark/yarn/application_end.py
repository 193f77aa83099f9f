"""The end of an application, and what a job is told that waited too long for one."""

from __future__ import annotations

from dataclasses import dataclass

from orch_dagster.spark.yarn.report import Application


@dataclass(frozen=True)
class ApplicationEnd:
    """The end of the application of a submit.

    Attributes:
        application: The application; None if there was none, or it is not known.
        failure: Why it failed, in one line: in cluster mode, or when it waited too long.
        unended: What could not be ended, or is unknown; such a job never completed.
        is_transient: Whether another attempt may fare better.
        output: The end of what a driver on the cluster printed, if that was fetched.
    """

    application: Application | None = None
    failure: str | None = None
    unended: str | None = None
    is_transient: bool = False
    output: str | None = None


def waited_too_long(subject: str, reason: str, limit_s: float) -> str:
    """Return that a job waited for YARN until its limit, in one line.

    >>> waited_too_long("application_1_1", "no node", 90)  # doctest: +ELLIPSIS
    'application_1_1 waited for YARN for 1.5 minutes (no node) and was ended; raise queue.minutes...

    Args:
        subject: The application, or what stands for it.
        reason: Why it waited; '' if that is unknown.
        limit_s: Its limit.
    """
    of_reason = f" ({reason})" if reason else ""
    return (
        f"{subject} waited for YARN for {limit_s / 60:g} minutes{of_reason} and was ended; raise "
        "queue.minutes of sys_params if it may wait longer"
    )
