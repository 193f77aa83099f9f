"""Refuse sources whose files can't be read right, and tell why a source may have no rows."""

from __future__ import annotations

from collections.abc import Sequence

from framework.errors import SourceFilesError, SourceNotFoundError
from framework.logging import get_logger
from framework.plan import PlannedSource
from framework.read.source_look import Emptiness, SourceLook
from framework.storage.filesystem import FileSystem


def require_sources(
    fs: FileSystem, sources: Sequence[PlannedSource], *, refuses_content: bool
) -> dict[str, SourceLook]:
    """Refuse sources that do not exist, and files that Spark would skip or read as something else.

    Returns:
        The look at the files of each view, for who opens it.

    Raises:
        SourceNotFoundError: If paths do not exist; names all.
        SourceFilesError: If files can't be read as they are; names all.
    """
    files = [each for each in sources if not each.source.is_table]
    missing = [each.location for each in files if not fs.matches(each.location)]
    if missing:
        raise SourceNotFoundError(list(dict.fromkeys(missing)))
    looks = {each.view: SourceLook(fs, each, refuses_content=refuses_content) for each in files}
    faults: list[str] = []
    for view, look in looks.items():
        faults += [f"{view}: {fault}" for fault in look.faults()]
        for warning in look.warnings():
            get_logger("framework.sources").warning("%s", warning)
    if faults:
        raise SourceFilesError(faults)
    return looks


def why_empty(
    fs: FileSystem, sources: Sequence[PlannedSource], rows_read: int | None, bad_records: int
) -> str:
    """Return why a result may have no rows, and what to do, as sentences.

    `allow_empty` is a remedy only where the files of a source really have no rows: rows that are
    out of sight would else be replaced by nothing.

    Args:
        fs: The file system.
        sources: The date's sources.
        rows_read: The rows that the sources gave, None if that is unknown.
        bad_records: How many records of them did not fit their schema.
    """
    found: list[tuple[PlannedSource, Emptiness]] = []
    for planned in sources:
        if planned.source.is_table:
            continue
        look = SourceLook(fs, planned)
        reason = look.emptiness() or (None if rows_read else look.may_be_filtered())
        if reason:
            found.append((planned, reason))
    words = [f"{planned.view}: {reason.text}" for planned, reason in found]
    if len(found) == len(sources) and all(reason.is_certain for _, reason in found):
        return (
            f"{'; '.join(words)}. Deliver the rows; or, if a date without rows is right, put "
            '"allow_empty": true into the job\'s context_params'
        )
    if not all(reason.is_certain for _, reason in found):
        return f"{'; '.join(words)}. Bring the files to where the source reads them"
    if found:
        return f"{'; '.join(words)}. Deliver the rows, or correct the HQL, which needs them"
    names = ", ".join(f"{each.view} ({each.location or each.source.format})" for each in sources)
    count = f"{rows_read} rows were read, and " if rows_read else ""
    remedy = "correct the HQL's filters, or deliver the rows"
    if bad_records:
        count += f"{bad_records} of the records do not fit their schema, and "
        remedy = f"correct those records or the schema; else {remedy}"
    return f"{count}no row of {names} was kept: {remedy}"
