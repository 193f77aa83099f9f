"""The errors of finding, starting and supervising Spark."""

from __future__ import annotations

from orch_dagster.errors import OrchError


class SparkError(OrchError):
    """The root of the errors of finding, starting and supervising Spark."""


class JavaError(SparkError):
    """Java is missing, of the wrong version, or not executable."""

    def __init__(
        self, message: str, *, home: str | None = None, version: str | None = None
    ) -> None:
        super().__init__(message)
        self.home = home
        self.version = version


class SparkHomeError(SparkError):
    """Spark is missing, incomplete or of the wrong version."""

    def __init__(
        self, message: str, *, home: str | None = None, version: str | None = None
    ) -> None:
        super().__init__(message)
        self.home = home
        self.version = version


class HadoopHomeError(SparkError):
    """Hadoop's tools, which Spark needs on Windows, are missing or can't be loaded."""


class PackageMissingError(SparkError):
    """A Python package that has to travel with the job is not installed here."""


class MessagesUnreadError(SparkError):
    """The reports of a job on another machine can't be read, so its end is unknown."""


class ClassDataError(SparkError):
    """The class-data archive of the driver can't be built or removed."""


class JarError(SparkError):
    """A required jar is missing and can't be fetched."""


class SubmitRefusedError(SparkError):
    """The job's settings can't be turned into a valid spark-submit.

    Attributes:
        properties: The properties of sys_params (or the fields) that are at fault.
    """

    def __init__(self, message: str, *, properties: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.properties = properties


class CommandStartError(SparkError):
    """The command could not be started: no such file, no permission, or not a program."""

    def __init__(self, message: str, *, program: str) -> None:
        super().__init__(message)
        self.program = program


class SupervisorError(SparkError):
    """The supervisor ended without a report, so the end of its command is unknown."""


class DagsterVersionError(OrchError):
    """Packages of Dagster are installed in versions that this package was not tested with."""
