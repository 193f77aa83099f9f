"""The end of an application, as a job is judged by it."""

from __future__ import annotations

from dataclasses import dataclass

from orch_dagster.spark.yarn.report import Application


@dataclass(frozen=True)
class ApplicationEnd:
    """The end of the application of a submit.

    Attributes:
        application: The application; None if there was none, or it is not known.
        failure: Why it failed, in one line: in cluster mode, when it waited too long, or when
            somebody else killed it.
        unended: What could not be ended, or is unknown; such a job never completed.
        is_transient: Whether another attempt may fare better.
        output: The end of what a driver on the cluster printed, if that was fetched.
    """

    application: Application | None = None
    failure: str | None = None
    unended: str | None = None
    is_transient: bool = False
    output: str | None = None

    @property
    def was_killed(self) -> bool:
        """True if the failure is that it was killed, of which its driver may report a symptom."""
        is_killed = self.application is not None and self.application.state == "KILLED"
        return is_killed and self.failure is not None
