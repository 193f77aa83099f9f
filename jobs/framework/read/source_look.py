"""Look at the files of a source, before Spark reads rows and, at those that it names, after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import NamedTuple, TypeVar

from framework.contract.formats import CSV, JSON, format_of
from framework.contract.paths import is_local
from framework.errors import SourceFilesError
from framework.logging import get_logger
from framework.plan import PlannedSource
from framework.read.damaged_bytes import head_damage
from framework.read.encodings import encoding_of, option_of
from framework.read.file_listing import SourceFiles, list_files, shown
from framework.read.first_bytes import (
    HEAD_BYTES,
    Head,
    content_fault,
    has_header_only,
    has_no_records,
    lands_nulls_only,
)
from framework.read.opened_files import OpenedFiles
from framework.storage.file_heads import AT_ONCE, FileHeads, Start, changed_ns, location_of
from framework.storage.filesystem import FileEntry, FileSystem

# Of formats whose files Spark refuses itself if they are something else.
_MOST_HEADS, _MOST_HEADS_ELSEWHERE = 2_000, 32
# What is kept of each file for who looks for its header, and of how many.
_START_BYTES, _MOST_STARTS = 8 << 10, 8_192

_FILTERS = ("pathglobfilter", "modifiedbefore", "modifiedafter")
_FOLDERS_REMEDY = "give the source the option recursiveFileLookup: true, or false to leave them out"
_INFERRED = ("csv", "json", "orc", "parquet", "avro")


class Emptiness(NamedTuple):
    """The reason why a source has no rows; `is_certain` if its files really have none."""

    text: str
    is_certain: bool


class FileLook(NamedTuple):
    """The findings on the first bytes of a file.

    `changed_ns` is when a local file had changed before they were read, `nulls` would land as a
    row of nulls.
    """

    location: str
    changed_ns: int | None
    size_bytes: int
    is_blank: bool
    has_header_only: bool
    nulls: str | None
    fault: str | None
    damage: str | None


class SourceLook:
    """A look at one source of files.

    Args:
        fs: The file system.
        planned: The source.
        refuses_content: Whether files that are not what the source says are refused, not only
            warned of.

    Attributes:
        starts: The first bytes of the files that were looked at, unpacked, by location.
    """

    def __init__(
        self, fs: FileSystem, planned: PlannedSource, *, refuses_content: bool = True
    ) -> None:
        self._fs = fs
        self._planned = planned
        self._options: Mapping[str, str] = planned.source.options
        self._form = planned.source.format
        self._refuses_content = refuses_content
        self._is_text = format_of(self._form).is_text
        self._has_time_filter = any(name.lower() in _FILTERS[1:] for name in self._options)
        self.starts: dict[str, Start] = {}

    @cached_property
    def files(self) -> SourceFiles:
        """Return the files below the path or its matches."""
        return list_files(self._fs, self._planned.location, self._options)

    @cached_property
    def looks(self) -> list[FileLook]:
        """Return what the first bytes of the files tell; other formats than text: of some."""

        def look(file: FileEntry) -> FileLook:
            changed = changed_ns(file.location)
            data = self._fs.read_head(file.location, HEAD_BYTES)
            return self._look_at(Head(file.location, file.size_bytes, data), changed)

        files, is_quick = self.files.read, is_local(self._planned.location)
        if not self._is_text:
            files = files[: _MOST_HEADS if is_quick else _MOST_HEADS_ELSEWHERE]
        return _mapped(look, files, is_quick=is_quick)

    def faults(self) -> Iterator[str]:
        """Yield why the source can't be read: its files are out of sight, or have no columns."""
        hidden = self.files.hidden
        if hidden and not self.files.read and not self.files.is_partial:
            yield (
                f"{shown(hidden)}: Spark skips names that begin with _ or . (and folders of such "
                "names), so none of its rows would be read: rename it"
            )
        if self.files.nested and not self.files.read and self._skips_folders():
            yield (
                f"{shown(self.files.nested)}: files of sub-folders, which Spark skips, so none of "
                f"their rows would be read: {_FOLDERS_REMEDY}"
            )
            return
        if self._is_unknown() and not any(look.has_header_only for look in self.looks):
            reason = self.emptiness()
            if reason:
                yield f"{reason.text}, and without a schema its columns are unknown" + (
                    ": deliver it; or, if a date without rows is right, give the source its "
                    'schema, and the job "allow_empty": true'
                    if reason.is_certain
                    else ""
                )
        yield from _null_faults(self.looks)
        if self._refuses_content and not self._has_time_filter:
            yield from _content_faults(self.looks)

    def warnings(self) -> Iterator[str]:
        """Yield what is left out beside the files that are read, and what lands as it is."""
        if self.files.hidden and self.files.read:
            yield (
                f"{shown(self.files.hidden)} beside {self._planned.location} was not read: Spark "
                "skips names that begin with _ or ."
            )
        if self.files.nested and self.files.read and self._skips_folders():
            yield (
                f"{shown(self.files.nested)} beside the files of {self._planned.location} was not "
                f"read: Spark skips sub-folders: {_FOLDERS_REMEDY}"
            )
        if self._has_time_filter and self._is_text:
            # Spark tells which files it reads when it has opened the source.
            return
        yield from self._damages(self.looks)
        if not self._refuses_content or self._has_time_filter:
            yield from _content_faults(self.looks)

    def check_others(self, opened: OpenedFiles, heads: FileHeads) -> None:
        """Look at the files that were not looked at, now that Spark has listed those it reads.

        They are those beyond the first, and those that came or were delivered again since. Other
        formats than text are left to Spark, which refuses what is not of the format.

        Raises:
            SourceFilesError: If files can't be read as they are; names all.
            SourceGoneError: If a file disappeared.
        """
        if not self._is_text:
            return
        known = {
            look.location: look
            for look in self.looks
            if look.changed_ns == changed_ns(look.location)
        }

        def look(url: str) -> FileLook:
            changed = changed_ns(location_of(url))
            data = heads.raw(url, HEAD_BYTES)
            # Where the buffer is full the file may go on, and its size does not matter.
            size = len(data) if len(data) < HEAD_BYTES else HEAD_BYTES + 1
            return self._look_at(Head(location_of(url), size, data), changed)

        others = [url for url in opened.urls if location_of(url) not in known]
        looks = _mapped(look, others, is_quick=is_local(self._planned.location))
        if self._has_time_filter:
            read = [known.get(location_of(url)) for url in opened.urls]
            looks += [each for each in read if each]
        content = list(_content_faults(looks))
        faults = [*_null_faults(looks), *(content if self._refuses_content else [])]
        for warning in [*self._damages(looks), *([] if self._refuses_content else content)]:
            get_logger("framework.sources").warning("%s", warning)
        if faults:
            raise SourceFilesError([f"{self._planned.view}: {fault}" for fault in faults])

    def emptiness(self) -> Emptiness | None:
        """Return why the source has no rows, as far as its files tell; None if they may have."""
        files, location = self.files, self._planned.location
        if files.is_partial:
            return None
        if not files.read:
            return self._nothing_read(location)
        if len(self.looks) < len(files.read):
            return None
        blank = [look for look in self.looks if look.is_blank]
        header = [look for look in self.looks if look.has_header_only]
        if len(blank) == len(files.read):
            size = sum(look.size_bytes for look in blank)
            more = ", [] or" if format_of(self._form) is JSON else " or"
            what = f"no text but blanks{more} a byte order mark" if size else "0 bytes"
            return Emptiness(f"{shown(files.read)} is empty ({what})", True)
        if len(blank) + len(header) == len(files.read):
            return Emptiness(f"{shown(files.read)} has a header and no records", True)
        return None

    def may_be_filtered(self) -> Emptiness | None:
        """Return the options on times that may leave files out, None if there are none."""
        names = [name for name in self._options if name.lower() in _FILTERS[1:]]
        if not names or not self.files.read:
            return None
        text = f"{self._planned.location}: {', '.join(names)} may leave out its files"
        return Emptiness(f"{text} ({shown(self.files.read)})", False)

    def _nothing_read(self, location: str) -> Emptiness:
        files = self.files
        if files.hidden:
            text = f"{shown(files.hidden)}: Spark skips names that begin with _ or ."
            return Emptiness(text, False)
        if files.filtered:
            names = ", ".join(name for name in self._options if name.lower() in _FILTERS)
            return Emptiness(f"{location}: {names} leaves out {shown(files.filtered)}", False)
        if files.nested:
            return Emptiness(
                f"{location}: its files lie in sub-folders ({shown(files.nested)}), which Spark "
                "reads only with the option recursiveFileLookup: true",
                False,
            )
        return Emptiness(f"{location} has no files", True)

    def _skips_folders(self) -> bool:
        """Return whether the format is one of Spark's files, and nobody chose about sub-folders."""
        is_files = self._is_text or format_of(self._form).name in _INFERRED
        return is_files and option_of(self._options, "recursivefilelookup") is None

    def _is_unknown(self) -> bool:
        """Return whether the columns are known from the files only."""
        return not self._planned.source.schema and format_of(self._form).name in _INFERRED

    def _damages(self, looks: Sequence[FileLook]) -> Iterator[str]:
        # All bytes of local files are looked at while the date lands.
        if is_local(self._planned.location):
            return
        for look in looks:
            if look.damage and not look.fault:
                yield f"{look.location}, {look.damage}, which lands as it is"

    def _look_at(self, head: Head, changed: int | None) -> FileLook:
        text = head.text
        if text is not None and len(self.starts) < _MOST_STARTS and format_of(self._form) is CSV:
            is_whole = head.whole_text is not None and len(text) <= _START_BYTES
            self.starts[head.location] = Start(text[:_START_BYTES], is_whole, changed)
        return FileLook(
            head.location,
            changed,
            head.size_bytes,
            has_no_records(head, self._form),
            has_header_only(head, self._form, self._options),
            lands_nulls_only(head, self._form, self._options),
            content_fault(head, self._form, self._options),
            None if is_local(head.location) else self._damage_of(head),
        )

    def _damage_of(self, head: Head) -> str | None:
        encoding = encoding_of(self._options) or "UTF-8"
        return head_damage(head.text, self._form, encoding, is_whole=head.whole_text is not None)


_Item = TypeVar("_Item")


def _mapped(
    look: Callable[[_Item], FileLook], items: Sequence[_Item], *, is_quick: bool
) -> list[FileLook]:
    """Look at each of some files, side by side where each is a request to a server."""
    if is_quick or len(items) <= 1:
        return [look(item) for item in items]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(look, items))


def _null_faults(looks: Sequence[FileLook]) -> Iterator[str]:
    for look in looks:
        if look.nulls:
            yield (
                f"{look.location} is empty but for {look.nulls}, which would land as a row of "
                "nulls: deliver records, or a file of 0 bytes"
            )


def _content_faults(looks: Sequence[FileLook]) -> Iterator[str]:
    return (f"{look.location} {look.fault}" for look in looks if look.fault)
