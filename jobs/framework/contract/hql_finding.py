"""Records that the command `orch check` and the process that analyzes exchange."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Unseen:
    """The reasons why a job may have functions or tables that its analysis can't see.

    Attributes:
        functions: Why there may be functions besides Spark's; None if there are none.
        tables: Why there may be tables besides those of the HQL file; None if there are none.
    """

    functions: str | None = None
    tables: str | None = None


@dataclass(frozen=True)
class HqlFinding:
    """A finding on the HQL of a job.

    Attributes:
        job_name: The job.
        text: The fault, or what is not known.
        file: The HQL file; None if the finding is not about one.
        line: Its line, if known.
        is_note: True if it is no fault.
    """

    job_name: str
    text: str
    file: str | None = None
    line: int | None = None
    is_note: bool = False

    def __str__(self) -> str:
        line = "" if self.line is None else f":{self.line}"
        place = "" if self.file is None else f"{self.file}{line}: "
        return f"{place}{self.job_name}: {self.text}"
