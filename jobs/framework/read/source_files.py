"""Look at the files of a source before Spark does: which are read, and what is in them.

Spark skips names that begin with `_` or `.`, files in sub-folders and files that an option leaves
out, without a word. A source of such files only has no rows, though the rows are there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from framework.contract.formats import format_of
from framework.contract.paths import is_local
from framework.errors import SourceFilesError, SourceNotFoundError
from framework.logging import get_logger
from framework.plan import PlannedSource
from framework.read.first_bytes import (
    HEAD_BYTES,
    Head,
    content_fault,
    damage,
    has_header_only,
    is_blank,
    lands_nulls_only,
)
from framework.storage.filesystem import FileEntry, FileSystem
from framework.storage.patterns import name_matches

# Each file elsewhere is a request to a server or more, so that of many only some are looked at.
_MOST_FILES, _MOST_FILES_ELSEWHERE = 10_000, 256
_MOST_HEADS, _MOST_HEADS_ELSEWHERE = 2_000, 32
_AT_ONCE = 8
_SHOWN_FILES = 5

# Names that hold no rows: of Spark, of tools, of landings, and signs that a delivery is complete.
_NO_DATA = re.compile(
    r"_SUCCESS|_(committed|started)_.*|_(common_)?metadata|_temporary|_landing|_rejected"
    r"|_replaced|_old-\d+|_partition_types-.*|_delta_log|_spark_metadata|\.hoodie|\.DS_Store|.*\.crc"
    r"|_[A-Z]+|_(?i:manifest|control)(\..*)?"
)
_FILTERS = ("pathglobfilter", "modifiedbefore", "modifiedafter")
_INFERRED = ("csv", "json", "orc", "parquet", "avro")


class Emptiness(NamedTuple):
    """The reason why a source has no rows; `is_certain` if its files really have none."""

    text: str
    is_certain: bool


@dataclass(frozen=True)
class SourceFiles:
    """The files of a source.

    `read` are those that Spark reads, `hidden` those that it skips by their name, `nested` those in
    sub-folders that it does not search, `filtered` those that an option leaves out. With
    `is_partial` there are more than were listed.
    """

    read: tuple[FileEntry, ...]
    hidden: tuple[FileEntry, ...]
    nested: tuple[FileEntry, ...]
    filtered: tuple[FileEntry, ...]
    is_partial: bool


class SourceLook:
    """A look at one source of files.

    Args:
        fs: The file system.
        planned: The source.
    """

    def __init__(self, fs: FileSystem, planned: PlannedSource) -> None:
        self._fs = fs
        self._planned = planned
        self._options: Mapping[str, str] = planned.source.options

    @property
    def title(self) -> str:
        """Return the view and the path, to begin a sentence."""
        return f"{self._planned.view}: {self._planned.location}"

    @cached_property
    def files(self) -> SourceFiles:
        """Return the files below the path or its matches."""
        location = self._planned.location
        most = _MOST_FILES if is_local(location) else _MOST_FILES_ELSEWHERE
        found: dict[str, list[FileEntry]] = {"read": [], "hidden": [], "nested": [], "filtered": []}
        count = 0
        for root in self._fs.glob(location):
            entries = self._fs.files(root, most - count)
            count += len(entries)
            for entry in entries:
                kind = self._kind(root, entry)
                if kind:
                    found[kind].append(entry)
            if count >= most:
                break
        return SourceFiles(
            **{kind: tuple(entries) for kind, entries in found.items()}, is_partial=count >= most
        )

    @cached_property
    def heads(self) -> list[Head]:
        """Return the first bytes of the files that Spark reads, of many only of some."""
        files, location = self.files.read, self._planned.location
        most = _MOST_HEADS if is_local(location) else _MOST_HEADS_ELSEWHERE
        if len(files) > most or self.files.is_partial:
            files = files[:: -(-len(files) // most)]
            get_logger("framework.sources").info(
                "%s: the first bytes of %d of its files are looked at", self.title, len(files)
            )
        if is_local(location) or len(files) <= 1:
            return [self._head(file) for file in files]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return list(pool.map(self._head, files))

    def faults(self) -> Iterator[str]:
        """Yield why the source can't be read: its files are out of sight, or have no columns."""
        hidden = self.files.hidden
        if hidden and not self.files.read and not self.files.is_partial:
            yield (
                f"{_shown(hidden)}: Spark skips names that begin with _ or . (and folders of such "
                "names), so none of its rows would be read: rename it"
            )
        form = self._planned.source.format
        if self._is_unknown() and not any(
            has_header_only(head, form, self._options) for head in self.heads
        ):
            reason = self.emptiness()
            if reason:
                yield f"{reason.text}, and without a schema its columns are unknown" + (
                    ": deliver it; or, if a date without rows is right, give the source its "
                    'schema, and the job "allow_empty": true'
                    if reason.is_certain
                    else ""
                )
        for head in self.heads:
            nulls = lands_nulls_only(head, form, self._options)
            if nulls:
                yield (
                    f"{head.location} is empty but for {nulls}, which would land as a row of "
                    "nulls: deliver records, or a file of 0 bytes"
                )

    def content_faults(self) -> Iterator[str]:
        """Yield each file that is not what the source says."""
        for head in self.heads:
            fault = content_fault(head, self._planned.source.format, self._options)
            if fault:
                yield f"{head.location} {fault}"

    def warnings(self) -> Iterator[str]:
        """Yield what is left out beside the files that are read, and damaged text in them."""
        if self.files.hidden and self.files.read:
            yield (
                f"{_shown(self.files.hidden)} beside {self._planned.location} was not read: Spark "
                "skips names that begin with _ or ."
            )
        if is_local(self._planned.location):
            # All of their bytes are looked at while the date lands.
            return
        for head in self.heads:
            found = damage(head, self._planned.source.format)
            if found:
                yield f"{head.location} holds {found}, which lands as it is"

    def emptiness(self) -> Emptiness | None:
        """Return why the source has no rows, as far as its files tell; None if they may have."""
        files, location = self.files, self._planned.location
        if files.is_partial:
            return None
        if not files.read:
            return self._nothing_read(location)
        form = self._planned.source.format
        if len(self.heads) < len(files.read):
            return None
        blank = [head for head in self.heads if is_blank(head)]
        header = [head for head in self.heads if has_header_only(head, form, self._options)]
        if len(blank) == len(files.read):
            size = sum(head.size_bytes for head in blank)
            what = "0 bytes" if not size else "no text but blanks or a byte order mark"
            return Emptiness(f"{_shown(files.read)} is empty ({what})", True)
        if len(blank) + len(header) == len(files.read):
            return Emptiness(f"{_shown(files.read)} has a header and no records", True)
        return None

    @property
    def has_time_filter(self) -> bool:
        """Return whether an option on times may leave out files that were looked at."""
        return any(name.lower() in _FILTERS[1:] for name in self._options)

    def may_be_filtered(self) -> Emptiness | None:
        """Return the options on times that may leave files out, None if there are none."""
        names = [name for name in self._options if name.lower() in _FILTERS[1:]]
        if not names or not self.files.read:
            return None
        text = f"{self._planned.location}: {', '.join(names)} may leave out its files"
        return Emptiness(f"{text} ({_shown(self.files.read)})", False)

    def _nothing_read(self, location: str) -> Emptiness:
        files = self.files
        if files.hidden:
            text = f"{_shown(files.hidden)}: Spark skips names that begin with _ or ."
            return Emptiness(text, False)
        if files.filtered:
            names = ", ".join(name for name in self._options if name.lower() in _FILTERS)
            return Emptiness(f"{location}: {names} leaves out {_shown(files.filtered)}", False)
        if files.nested:
            return Emptiness(
                f"{location}: its files lie in sub-folders ({_shown(files.nested)}), which Spark "
                "reads only with the option recursiveFileLookup: true",
                False,
            )
        return Emptiness(f"{location} has no files", True)

    def _is_unknown(self) -> bool:
        """Return whether the columns are known from the files only."""
        source = self._planned.source
        return not source.schema and format_of(source.format).name in _INFERRED

    def _kind(self, root: str, entry: FileEntry) -> str | None:
        if entry.location == root:
            parts = [root.rpartition("/")[2]]
            if _is_hidden(parts[0]):
                return "hidden"
        else:
            parts = entry.location.removeprefix(root).strip("/").split("/")
        if any(_is_hidden(part) for part in parts):
            is_data = (
                entry.size_bytes
                and self._is_chosen(parts[-1])
                and not any(_NO_DATA.fullmatch(part) for part in parts)
            )
            return "hidden" if is_data else None
        if not self._is_chosen(parts[-1]):
            return "filtered"
        is_deep = len(parts) > 1 and not any("=" in part for part in parts[:-1])
        return "nested" if is_deep and not self._is_recursive else "read"

    @cached_property
    def _is_recursive(self) -> bool:
        given = {name.lower(): value.lower() for name, value in self._options.items()}
        return given.get("recursivefilelookup") == "true"

    def _is_chosen(self, name: str) -> bool:
        given = {key.lower(): value for key, value in self._options.items()}
        pattern = given.get("pathglobfilter")
        return pattern is None or name_matches(name, pattern)

    def _head(self, file: FileEntry) -> Head:
        return Head(file.location, file.size_bytes, self._fs.read_head(file.location, HEAD_BYTES))


def require_sources(
    fs: FileSystem, sources: Sequence[PlannedSource], *, refuses_content: bool
) -> None:
    """Refuse sources that do not exist, and files that Spark would skip or read as something else.

    Raises:
        SourceNotFoundError: If paths do not exist; names all.
        SourceFilesError: If files can't be read as they are; names all.
    """
    files = [each for each in sources if not each.source.is_table]
    missing = [each.location for each in files if not fs.matches(each.location)]
    if missing:
        raise SourceNotFoundError(list(dict.fromkeys(missing)))
    faults: list[str] = []
    for planned in files:
        look = SourceLook(fs, planned)
        faults += [f"{planned.view}: {fault}" for fault in look.faults()]
        content = [f"{planned.view}: {fault}" for fault in look.content_faults()]
        is_refused = refuses_content and not look.has_time_filter
        if is_refused:
            faults += content
        warnings = [*look.warnings(), *([] if is_refused else content)]
        for warning in warnings:
            get_logger("framework.sources").warning("%s", warning)
    if faults:
        raise SourceFilesError(faults)


def why_empty(fs: FileSystem, sources: Sequence[PlannedSource], rows_read: int | None) -> str:
    """Return why a result may have no rows, and what to do, as sentences.

    `allow_empty` is a remedy only where the files of a source really have no rows: rows that are
    out of sight would else be replaced by nothing.

    Args:
        fs: The file system.
        sources: The date's sources.
        rows_read: The rows that the sources gave, None if that is unknown.
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
    return f"{count}no row of {names} was kept: correct the HQL's filters, or deliver the rows"


def _is_hidden(name: str) -> bool:
    """Return whether Spark skips a file or folder of this name."""
    return (
        (name.startswith("_") and "=" not in name)
        or name.startswith(".")
        or name.endswith("._COPYING_")
    )


def _shown(files: Sequence[FileEntry]) -> str:
    more = f" and {len(files) - _SHOWN_FILES} more" if len(files) > _SHOWN_FILES else ""
    return ", ".join(file.location for file in files[:_SHOWN_FILES]) + more
