"""The end of an application, as a job is judged by it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orch_dagster.spark.yarn.gateway_command import YarnError
from orch_dagster.spark.yarn.report import Application, failure_of, still_live


@dataclass(frozen=True)
class ApplicationEnd:
    """The end of the application of a submit.

    Attributes:
        application: The application; None if there was none, or it is not known.
        failure: Why it failed, in one line: in cluster mode, when it waited too long, or when
            somebody else killed it.
        unended: What could not be ended, or is unknown; such a job never completed.
        is_cause: Whether the driver did not cause the failure, and may report a symptom of it.
        is_transient: Whether another attempt may fare better.
        output: The end of what a driver on the cluster printed, if that was fetched.
    """

    application: Application | None = None
    failure: str | None = None
    unended: str | None = None
    is_cause: bool = False
    is_transient: bool = False
    output: str | None = None


def end_of(found: Sequence[Application], why: str, *, is_cluster: bool) -> ApplicationEnd:
    """Return the end of a submit by the last reports of its applications, at least one.

    Args:
        found: The reports, the newest last.
        why: Why the run has killed them, '' if it has not.
        is_cluster: Whether the driver ran on the cluster.
    """
    newest = found[-1]
    if live := [each for each in found if not each.is_over]:
        return ApplicationEnd(newest, unended="; ".join(map(still_live, live)))
    failure = failure_of(newest, is_cluster=is_cluster)
    if not is_cluster:
        return _end_of_driver_here(newest, failure, why)
    is_cause = newest.state == "KILLED" or newest.was_refused_executors
    return ApplicationEnd(newest, failure, is_cause=is_cause, is_transient=newest.may_pass)


def _end_of_driver_here(ended: Application, failure: str | None, why: str) -> ApplicationEnd:
    """Return the end of an application whose driver tells its own failures, by its exit too.

    What befell its application master, or its executors, the driver does not know.
    """
    if ended.state == "FAILED" or ended.was_refused_executors:
        return ApplicationEnd(ended, failure, is_cause=True, is_transient=ended.may_pass)
    is_own = not ended.is_readable or (why and why in ended.diagnostics)
    if ended.state == "KILLED" and not is_own:
        return ApplicationEnd(ended, failure, is_cause=True)
    return ApplicationEnd(ended, failure if ended.ran_out_of_executors else None)


def with_unended(error: BaseException, unended: str) -> BaseException:
    """Return an exception that tells what could not be ended too; an interrupt stays one."""
    told = YarnError(f"{str(error) or type(error).__name__}; {unended}")
    if isinstance(error, Exception):
        told.__cause__ = error
        return told
    error.__cause__ = YarnError(unended)
    return error
