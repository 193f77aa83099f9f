"""Every error this package raises on purpose: one root, a class for each fact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class FrameworkError(Exception):
    """Root of this package's errors; its text says what, where and what to do."""


class ParamsError(FrameworkError):
    """The job's parameters can't be used; `problems` holds every fault found."""

    def __init__(self, where: str, problems: Sequence[str]) -> None:
        self.where = where
        self.problems = tuple(problems)
        listed = "".join(f"\n  - {problem}" for problem in self.problems)
        count = len(self.problems)
        super().__init__(f"{where}: {count} problem{'s' if count != 1 else ''}:{listed}")


class SourceNotFound(FrameworkError):
    """A source's file or folder does not exist; `locations` holds all missing ones."""

    def __init__(self, locations: Sequence[str]) -> None:
        self.locations = tuple(locations)
        listed = "".join(f"\n  - {location}" for location in self.locations)
        super().__init__(
            f"no such source:{listed}\n"
            "Deliver the file, or correct sources[].path in the job's context_params "
            "(relative paths start at JOB_BASE_DIR)."
        )


class HqlError(FrameworkError):
    """An HQL file is missing, can't be read as statements, or is refused by Spark.

    `file` is the file's path, `line` counts from 1 in the file (None: the file as a whole).
    """

    def __init__(self, file: str, line: int | None, problem: str) -> None:
        self.file = file
        self.line = line
        super().__init__(f"{file}{'' if line is None else f':{line}'}: {problem}")


class PublishError(FrameworkError):
    """A result was not published, or nobody can say whether it was: the text tells which."""


class LockedError(PublishError):
    """Another landing of the same job and date holds the journal at `journal`."""

    def __init__(self, journal: str, problem: str) -> None:
        self.journal = journal
        super().__init__(problem)


class EmptyResultError(PublishError):
    """The result has no rows and the job does not say allow_empty."""


class ForeignRowsError(PublishError):
    """The result holds rows of another biz_dt than the one that is landed."""

    def __init__(self, problem: str, row_count: int) -> None:
        self.row_count = row_count
        super().__init__(problem)


class DatesFailed(FrameworkError):
    """Of the several dates of a run some did not land; `failed` has each one's error."""

    def __init__(self, failed: Mapping[str, Exception], of: int) -> None:
        self.failed = dict(failed)
        listed = "".join(
            f"\n  - {biz_dt}: {type(error).__name__}: {error}" for biz_dt, error in failed.items()
        )
        others = "no date landed" if len(failed) == of else "the others did"
        super().__init__(f"{len(failed)} of {of} dates did not land, {others}:{listed}")


class ReportError(FrameworkError):
    """The orchestrator asked for reports that can't be sent."""
