"""The errors of this package, under one root."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from framework.contract.causes import CARRIERS, deepest_first
from framework.contract.native_paths import with_native_paths
from framework.contract.shared_paths import REMEDY as SHARED_REMEDY

_SHOWN_FAULTS = 10
_SHOWN_FILES = 20


class FrameworkError(Exception):
    """The root of this package's errors; the text names the fault, the place and the remedy."""

    def __init__(self, text: str = "") -> None:
        super().__init__(with_native_paths(text))


class ParamsError(FrameworkError):
    """The job's parameters can't be used; `problems` holds every fault found."""

    def __init__(self, where: str, problems: Sequence[str]) -> None:
        self.where = where
        self.problems = tuple(problems)
        listed = "".join(f"\n  - {problem}" for problem in self.problems)
        count = len(self.problems)
        super().__init__(f"{where}: {count} problem{'s' if count != 1 else ''}:{listed}")


class SourceNotFoundError(FrameworkError):
    """A source's file or folder does not exist; `locations` holds all missing ones."""

    def __init__(self, locations: Sequence[str]) -> None:
        self.locations = tuple(locations)
        listed = "".join(f"\n  - {location}" for location in self.locations)
        # A name that exists as it is spelled needs none.
        has_pattern = any(set("*?[]{}") & set(location) for location in locations)
        hint = " Before a * ? [ ] { or } that belongs to a name, put \\." if has_pattern else ""
        super().__init__(
            f"no such source:{listed}\n"
            "Deliver the file, or correct sources[].path in the job's context_params "
            f"(relative paths start at JOB_BASE_DIR).{hint}"
        )


class SourceFilesError(FrameworkError):
    """Files of the sources can't be read as they are; `faults` holds all, each with its remedy."""

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        shown = [*faults[:_SHOWN_FILES]]
        if len(faults) > _SHOWN_FILES:
            shown.append(f"and {len(faults) - _SHOWN_FILES} more")
        listed = "".join(f"\n  - {fault}" for fault in shown)
        super().__init__(
            f"{len(faults)} of the sources' files can't be read as they are; nothing was "
            f"published, the old data is in place:{listed}"
        )


class SourceGoneError(FrameworkError):
    """A source's file at `location` disappeared while it was read."""

    def __init__(self, location: str) -> None:
        self.location = location
        super().__init__(
            f"{location} disappeared while it was read; nothing was published, the old data is in "
            "place. Deliver it again, keep it until the job has ended, and start the job again."
        )


class PartitionTypesError(FrameworkError):
    """The file that holds the types of a date's partition columns can't be read."""

    def __init__(self, file: str, cause: Exception) -> None:
        self.file = file
        super().__init__(
            f"{file} can't be read as the types of partition columns ({cause!r}). Land its date "
            "again, or delete the file: then Spark infers the types from the folders' names."
        )


class HeaderError(FrameworkError):
    """The headers of a CSV source do not name the columns that its files are read as.

    Args:
        location: The source's path.
        wanted: The columns of the schema; None if the files are compared with each other.
        faults: Each header that differs, with its files.
        by_name: Whether columns are found by their names.
    """

    def __init__(
        self,
        location: str,
        wanted: Sequence[str] | None,
        faults: Sequence[str],
        *,
        by_name: bool = False,
    ) -> None:
        self.location = location
        self.faults = tuple(faults)
        shown = [*faults[:_SHOWN_FAULTS]]
        if len(faults) > _SHOWN_FAULTS:
            shown.append(f"and {len(faults) - _SHOWN_FAULTS} more headers")
        listed = "".join(f"\n  - {fault}" for fault in shown)
        if by_name:
            problem = "headers do not have each column of the schema once"
        elif wanted is None:
            problem = "the headers of its files differ, and Spark takes one for all"
        else:
            problem = "the header is not the schema's, and cells are read by place"
        schema = "" if wanted is None else f"\nThe schema: {', '.join(wanted)}"
        remedy = (
            ""
            if by_name
            else "; or give the source `columns: by_name` (each file by its own header) or "
            "`columns: by_place` (whatever the headers say)"
        )
        super().__init__(
            f"{location}: {problem}, so values would land under wrong names; nothing was "
            f"published, the old data is in place. The headers:{listed}{schema}\n"
            f"Deliver the files again, or correct the schema in the job's context_params{remedy}."
        )


class BadRecordsError(FrameworkError):
    """More records of a source than `limit` do not fit its schema: `count` of them."""

    def __init__(
        self, view: str, location: str, count: int, limit: int, first: Sequence[str]
    ) -> None:
        self.count = count
        self.limit = limit
        listed = "".join(f"\n  - {record}" for record in first)
        super().__init__(
            f"{view}: {count} records of {location} do not fit its schema, bad_records.limit is "
            f"{limit}; nothing was published, the old data is in place. The first:{listed}\n"
            "Deliver the file again, correct the schema, or raise the limit in the job's "
            "context_params."
        )


class HqlError(FrameworkError):
    """An HQL file is missing, can't be read as statements, or is refused by Spark.

    `file` is the file's path, `line` counts from 1 in the file (None: the file as a whole),
    `problem` is the text without both.
    """

    def __init__(self, file: str, line: int | None, problem: str) -> None:
        self.file = file
        self.line = line
        self.problem = problem
        super().__init__(f"{file}{'' if line is None else f':{line}'}: {problem}")


class PublishError(FrameworkError):
    """A result was not published, or it is unknown whether it was; the text tells which."""


class LockedError(PublishError):
    """Another landing of the same job and date holds the journal at `journal`."""

    def __init__(self, journal: str, problem: str) -> None:
        self.journal = journal
        super().__init__(problem)


class JournalError(PublishError):
    """The journal at `journal` can't be obeyed; nothing was moved or deleted.

    Args:
        journal: Its location.
        fault: What is wrong with it, or with what lies beside it.
        is_newer: Whether a newer version of the framework wrote it.
    """

    def __init__(self, journal: str, fault: str, *, is_newer: bool = False) -> None:
        self.journal = journal
        folder = journal.rpartition("/")[0]
        remedy = (
            "Recover it with the version of the framework that wrote it"
            if is_newer
            else "Look whether the date is whole in each sink; where it is not, move its data back "
            f"from the `old-` or `new-` folder below {folder}, or below the like folder beside "
            "that sink. Then delete these folders"
        )
        super().__init__(
            f"it is unknown what an earlier landing has done, so nothing was moved or deleted: "
            f"{fault}. {remedy} (journal: {journal})"
        )


class LockLostError(LockedError):
    """Another landing took the journal at `journal` over from a landing that still runs."""

    def __init__(self, journal: str, holder: str) -> None:
        super().__init__(
            journal,
            f"this landing lost its lock to {holder}, so it changes nothing any more (lock: "
            f"{journal})",
        )


class EmptyResultError(PublishError):
    """The result has no rows and the job does not set allow_empty."""


class SharedPathError(PublishError):
    """Executors on other machines do not see the files of `location` that the driver sees."""

    def __init__(self, location: str, problem: str) -> None:
        self.location = location
        super().__init__(
            f"{location}: {problem}, so the path must be shared by all nodes; nothing was "
            f"published, the old data is in place. {SHARED_REMEDY}"
        )


class ForeignRowsError(PublishError):
    """The result holds rows of another biz_dt than the landing's."""

    def __init__(self, problem: str, row_count: int) -> None:
        self.row_count = row_count
        super().__init__(problem)


class CheckFailedError(PublishError):
    """Blocking checks failed; `names` holds them."""

    def __init__(self, title: str, failed: Mapping[str, str]) -> None:
        self.names = tuple(failed)
        listed = "".join(f"\n  - {name}: {text}" for name, text in failed.items())
        super().__init__(
            f"{title}: a blocking check failed, nothing was published, the old data is in place:"
            f"{listed}\nCorrect the source or the HQL; or set the sys_param checks.blocking "
            "(param_type system) to false, which publishes and only reports."
        )


class DamagedTextError(PublishError):
    """Texts hold NUL or U+FFFD (`damaged` None: unknown), and checks.text is `refuse`."""

    def __init__(self, title: str, damaged: Mapping[str, int] | None) -> None:
        self.damaged = damaged
        problem = "whether texts are damaged is unknown" if damaged is None else damage_of(damaged)
        super().__init__(
            f"{title}: {problem}; nothing was published, the old data is in place. Correct the "
            "encoding of the source, or deliver its files again; or set the sys_param checks.text "
            "(param_type system) to report, which publishes and only reports."
        )


def damage_of(damaged: Mapping[str, int]) -> str:
    """Say which columns hold traces of a wrong encoding.

    >>> damage_of({"name": 3})
    'texts hold NUL or U+FFFD, as those of another encoding do: name (3 rows)'
    """
    listed = ", ".join(
        f"{name} ({count} row{'' if count == 1 else 's'})" for name, count in damaged.items()
    )
    return f"texts hold NUL or U+FFFD, as those of another encoding do: {listed}"


class SchemaDriftError(PublishError):
    """The result has other columns than the last landing, and schema.drift is `refuse`."""


class DatesFailedError(FrameworkError):
    """Some of a run's dates did not land; `failed` has the error of each."""

    def __init__(self, failed: Mapping[str, Exception], of: int) -> None:
        self.failed = dict(failed)
        listed = "".join(f"\n  - {biz_dt}: {_described(error)}" for biz_dt, error in failed.items())
        others = "no date landed" if len(failed) == of else "the others did"
        super().__init__(f"{len(failed)} of {of} dates did not land, {others}:{listed}")


def _described(error: Exception) -> str:
    name = type(error).__name__
    return deepest_first(name, str(error)) if name in CARRIERS else f"{name}: {error}"


class ReportError(FrameworkError):
    """The orchestrator waits for reports that can't be sent."""


# Older names, for job scripts that catch these errors.
SourceNotFound = SourceNotFoundError
SourceGone = SourceGoneError
CheckFailed = CheckFailedError
DatesFailed = DatesFailedError
