"""What can go wrong between a command line and a running Spark."""

from __future__ import annotations

from orch_dagster.errors import OrchError


class SparkError(OrchError):
    """Root of the errors of finding, starting and supervising Spark."""


class JavaError(SparkError):
    """No Java that can be used: missing, of the wrong version, or not executable."""

    def __init__(
        self, message: str, *, home: str | None = None, version: str | None = None
    ) -> None:
        super().__init__(message)
        self.home = home
        self.version = version


class SparkHomeError(SparkError):
    """No Spark that can be used: missing, incomplete or of the wrong version."""

    def __init__(
        self, message: str, *, home: str | None = None, version: str | None = None
    ) -> None:
        super().__init__(message)
        self.home = home
        self.version = version


class PackageMissingError(SparkError):
    """A Python package that has to travel with the job is not installed here."""


class JarError(SparkError):
    """A jar that is needed is not here and cannot be fetched."""


class SubmitRefusedError(SparkError):
    """The job's settings can't be turned into a spark-submit that keeps its promises.

    `properties` names the properties of sys_params (or the fields) that are at fault.
    """

    def __init__(self, message: str, *, properties: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.properties = properties


class CommandStartError(SparkError):
    """The command itself could not be started: no such file, no permission, not a program."""

    def __init__(self, message: str, *, program: str) -> None:
        super().__init__(message)
        self.program = program


class SupervisorError(SparkError):
    """The supervisor ended without saying how its command ended, so the end is unknown."""
