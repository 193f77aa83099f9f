"""List the files of a source by what Spark does with them.

Spark skips names that begin with `_` or `.`, files in sub-folders and files that an option leaves
out, without a word. A source of such files only has no rows, though the rows are there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from framework.contract.paths import is_local
from framework.contract.some_of import some_of
from framework.read.encodings import is_on, option_of
from framework.storage.filesystem import FileEntry, FileSystem
from framework.storage.patterns import name_matches

# Before Spark lists them. Each file elsewhere takes several calls.
_MOST_FILES, _MOST_FILES_ELSEWHERE = 10_000, 256
_SHOWN_FILES = 5

# Names that hold no rows: of Spark, of tools, of landings, and signs that a delivery is complete.
_NO_DATA = re.compile(
    r"_SUCCESS|_(committed|started)_.*|_(common_)?metadata|_temporary|_landing|_rejected"
    r"|_replaced|_old-\d+|_partition_types-.*|_delta_log|_spark_metadata|\.hoodie|\.DS_Store|.*\.crc"
    r"|_[A-Z]+|_(?i:manifest|control)(\..*)?"
)


@dataclass(frozen=True)
class SourceFiles:
    """The files of a source.

    `read` are those that Spark reads, `hidden` those that it skips by their name, `nested` those in
    sub-folders that it does not search, `filtered` those that an option leaves out. With
    `is_partial` there are more than were listed; with `is_partitioned` folders below the path may
    be columns.
    """

    read: tuple[FileEntry, ...]
    hidden: tuple[FileEntry, ...]
    nested: tuple[FileEntry, ...]
    filtered: tuple[FileEntry, ...]
    is_partial: bool
    is_partitioned: bool = False


def list_files(fs: FileSystem, location: str, options: Mapping[str, str]) -> SourceFiles:
    """Return the files below a source's path or its matches."""
    most = _MOST_FILES if is_local(location) else _MOST_FILES_ELSEWHERE
    found: dict[str, list[FileEntry]] = {"read": [], "hidden": [], "nested": [], "filtered": []}
    count, is_partitioned = 0, False
    for root in fs.glob(location):
        entries = fs.files(root, most - count)
        count += len(entries)
        for entry in entries:
            is_partitioned |= "=" in entry.location[len(root) :]
            kind = _kind(options, root, entry)
            if kind:
                found[kind].append(entry)
        if count >= most:
            break
    return SourceFiles(
        **{kind: tuple(entries) for kind, entries in found.items()},
        is_partial=count >= most,
        is_partitioned=is_partitioned,
    )


def shown(files: Sequence[FileEntry]) -> str:
    """Return the locations of the first files, and how many more there are."""
    return some_of((file.location for file in files), len(files), most=_SHOWN_FILES)


def _kind(options: Mapping[str, str], root: str, entry: FileEntry) -> str | None:
    if entry.location == root:
        parts = [root.rpartition("/")[2]]
        if _is_hidden(parts[0]):
            return "hidden"
    else:
        parts = entry.location.removeprefix(root).strip("/").split("/")
    pattern = option_of(options, "pathglobfilter")
    is_chosen = pattern is None or name_matches(parts[-1], pattern)
    if any(_is_hidden(part) for part in parts):
        is_data = (
            entry.size_bytes and is_chosen and not any(_NO_DATA.fullmatch(part) for part in parts)
        )
        return "hidden" if is_data else None
    if not is_chosen:
        return "filtered"
    is_deep = len(parts) > 1 and not any("=" in part for part in parts[:-1])
    return "nested" if is_deep and not is_on(options, "recursivefilelookup") else "read"


def _is_hidden(name: str) -> bool:
    """Return whether Spark skips a file or folder of this name."""
    return (
        (name.startswith("_") and "=" not in name)
        or name.startswith(".")
        or name.endswith("._COPYING_")
    )
