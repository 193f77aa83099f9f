"""Compare the headers of CSV files with the columns that they are read as, before any row is.

Spark takes cells by place and leaves headers unread. A file with its columns in another order, or
without its header line, would land under the wrong names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from framework.errors import HeaderError
from framework.read.encodings import is_on, option_of
from framework.read.header_text import HeaderText
from framework.read.opened_files import OpenedFiles, listed, urls_of
from framework.storage.driver_listing import is_apart
from framework.storage.file_heads import AT_ONCE, FileHeads, location_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import StructField, StructType

# The option that says, if it is given, how Spark treats headers.
ENFORCE = "enforceSchema"

# A look at more of them takes longer than Spark's jobs.
_MOST_HEADERS = 64
_CORRUPT = "columnNameOfCorruptRecord"


@dataclass(frozen=True)
class Header:
    """The names in the first line of `files`, which Spark names by encoded URLs."""

    names: tuple[str, ...]
    files: tuple[str, ...]


@dataclass(frozen=True)
class Layout:
    """The schema in the order of one header; `files` have it, None: all files of the source."""

    schema: StructType
    files: tuple[str, ...] | None


def schema_of_headers(
    spark: SparkSession, location: str, options: Mapping[str, str], heads: FileHeads
) -> StructType | None:
    """Return the schema that Spark would find by jobs of its own: the header's columns, as text.

    None where Spark is to find it: headers differ, lack names or have one twice, are not all of the
    files' columns as text, or there are many files, or executors may see others.
    """
    from pyspark.sql.types import StringType, StructField, StructType

    if not _are_looked_at(options) or is_on(options, "inferschema") or is_apart(spark, location):
        return None
    files = listed(location, options)
    if files is None or len(files.read) > _MOST_HEADERS:
        return None
    text = HeaderText(spark, options)
    found = _header_texts(text, urls_of(files), heads)
    all_cells = {text.cells(header) for header in found}
    if len(all_cells) != 1:
        return None
    (cells,) = all_cells
    # An unreadable byte may become other characters in Java.
    names = [name for name in cells if name and name != text.null_value and "\ufffd" not in name]
    if not names or len({name.lower() for name in names}) < len(cells):
        return None
    # Spark's parser of several lines takes a line of blanks for a header.
    if not all(text.is_first(heads, url, header) for header, urls in found.items() for url in urls):
        return None
    return StructType([StructField(name, StringType()) for name in names])


def _are_looked_at(options: Mapping[str, str]) -> bool:
    return is_on(options, "header") and option_of(options, ENFORCE.lower()) is None


def check_headers(opened: OpenedFiles, heads: FileHeads, *, has_schema: bool) -> None:
    """Refuse files whose header differs from the schema, or from each other without a schema.

    Raises:
        HeaderError: If a header differs in names, their order or their number.
        SourceGoneError: If a file disappeared.
    """
    if not _are_looked_at(opened.options):
        return
    if not has_schema and len(opened.urls) <= 1:
        return
    headers = _read_headers(opened, opened.urls, heads)
    if not headers:
        return
    fold = _fold(opened.rows.sparkSession)
    if has_schema:
        wanted = tuple(field.name.strip() for field in _data_fields(opened))
    else:
        wanted = headers[0].names
    other = [each for each in headers if _folded(each.names, fold) != _folded(wanted, fold)]
    if other:
        known = set(_folded(wanted, fold))
        raise HeaderError(
            opened.location,
            wanted if has_schema else None,
            [
                _shown(each, "" if known & set(_folded(each.names, fold)) else _NO_HEADER)
                for each in (other if has_schema else headers)
            ],
        )


_NO_HEADER = "shares no name with it, and may be a row of a file without a header"


def layouts(opened: OpenedFiles, heads: FileHeads, *, has_schema: bool) -> list[Layout]:
    """Return the schemas that read each file of a source by the names in its own header.

    Columns of a file that the schema does not name get a name that no schema has, and are left out
    by who selects the others. Without a schema all columns of the first file are wanted, as text.

    Raises:
        HeaderError: If a header lacks a name, or has it twice.
        SourceGoneError: If a file disappeared.
    """
    from pyspark.sql.types import StringType, StructField, StructType

    fold = _fold(opened.rows.sparkSession)
    # Spark selects the files of each header by its own URLs.
    headers = _read_headers(opened, opened.spark_urls, heads)
    fields = _data_fields(opened)
    if headers and not has_schema:
        fields = [StructField(name, StringType()) for name in headers[0].names]
    names = {field.name for field in fields}
    others = (
        [] if not has_schema else [each for each in opened.rows.schema if each.name not in names]
    )
    faults: list[str] = []
    found: list[Layout] = []
    for header in headers:
        places = _folded(header.names, fold)
        wanted = {fold(field.name.strip()): field for field in fields}
        if fault := _name_faults(wanted, places):
            faults.append(_shown(header, fault))
            continue
        ordered = [
            wanted.get(name) or StructField(f"_unread_{place}", StringType())
            for place, name in enumerate(places)
        ]
        found.append(Layout(StructType([*ordered, *others]), header.files))
    if faults:
        raise HeaderError(opened.location, [field.name for field in fields], faults, by_name=True)
    if len(found) == 1:
        return [Layout(found[0].schema, None)]
    return found or [Layout(StructType([*fields, *others]), None)]


def of_files(rows: DataFrame, files: Sequence[str]) -> DataFrame:
    """Return the rows of some of a source's files; Spark does not open the others."""
    from framework.columns import column

    paths = ["file:/" + url.removeprefix("file:").lstrip("/") if url.startswith("file:") else url
             for url in files]  # fmt: skip
    return rows.where(column("_metadata", "file_path").isin(paths))


def _name_faults(wanted: Mapping[str, StructField], places: Sequence[str]) -> str:
    missing = [field.name for name, field in wanted.items() if name not in places]
    twice = [field.name for name, field in wanted.items() if places.count(name) > 1]
    return "; ".join(
        f"{fault} {', '.join(names)}" for fault, names in (("lacks", missing), ("has twice", twice))
        if names
    )  # fmt: skip


def _read_headers(opened: OpenedFiles, files: Sequence[str], heads: FileHeads) -> list[Header]:
    """Return the distinct headers, in the order of their first file; empty files have none."""
    text = HeaderText(opened.rows.sparkSession, opened.options)
    by_names: dict[tuple[str, ...], list[str]] = {}
    for found, urls in _header_texts(text, files, heads).items():
        by_names.setdefault(text.names(found), []).extend(urls)
    return [Header(names, tuple(urls)) for names, urls in by_names.items()]


def _header_texts(text: HeaderText, files: Sequence[str], heads: FileHeads) -> dict[str, list[str]]:
    """Return the files by the text of their header, in the order of the first of each."""
    slow = [url for url in files if not heads.is_quick(url)]
    read: dict[str, str] = {}
    if slow:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            read = dict(zip(slow, pool.map(partial(text.find, heads), slow), strict=True))
    by_text: dict[str, list[str]] = {}
    for url in files:
        found = read[url] if url in read else text.find(heads, url)
        if found:
            by_text.setdefault(found, []).append(url)
    return by_text


def _data_fields(opened: OpenedFiles) -> list[StructField]:
    """Return the columns that are in the files: none of folders, none for bad records."""
    given = {name.lower(): value for name, value in opened.options.items()}
    conf = opened.rows.sparkSession.conf
    corrupt = given.get(_CORRUPT.lower()) or conf.get(f"spark.sql.{_CORRUPT}")
    left_out = {*opened.partition_names, corrupt}
    return [field for field in opened.rows.schema if field.name not in left_out]


def _fold(spark: SparkSession) -> Any:
    is_exact = (spark.conf.get("spark.sql.caseSensitive") or "").lower() == "true"
    return str if is_exact else str.lower


def _folded(names: Sequence[str], fold: Any) -> tuple[str, ...]:
    return tuple(fold(name) for name in names)


def _shown(header: Header, fault: str) -> str:
    return "".join(_parts(header, fault))


_SHOWN_CHARACTERS = 300


def _parts(header: Header, fault: str) -> Iterator[str]:
    yield location_of(header.files[0])
    if len(header.files) > 1:
        yield f" and {len(header.files) - 1} more"
    yield f": {', '.join(header.names)[:_SHOWN_CHARACTERS]}"
    if fault:
        yield f" ({fault})"
