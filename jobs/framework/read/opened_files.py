"""Tell which files Spark reads for a source that it has opened.

Local files are listed here, since the first question to Spark's own list takes as long as a
thousand files do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framework.contract.paths import is_local
from framework.read.file_listing import SourceFiles, list_files
from framework.storage.disk import long_path
from framework.storage.local import LocalFileSystem

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

# Options by which Spark reads other files than their names tell, or columns from their folders.
_CHOOSING = {"pathglobfilter", "modifiedbefore", "modifiedafter", "basepath"}


@dataclass(frozen=True)
class OpenedFiles:
    """A source of files that Spark opened: its lazy rows, its location and its options."""

    rows: DataFrame
    location: str
    options: Mapping[str, str]

    @cached_property
    def urls(self) -> list[str]:
        """Return the encoded URLs of all files that Spark reads, in the order of their names.

        Those of files that are listed here are encoded in another way than Spark's.
        """
        if self._listed:
            return urls_of(self._listed)
        return self.spark_urls

    @cached_property
    def spark_urls(self) -> list[str]:
        """Return the encoded URLs of all files that Spark reads, as it compares them."""
        session: Any = self.rows.sparkSession
        files = _file_index(self.rows).inputFiles()
        # As one text, since each item of a Java array would be a call; no URL holds a line end.
        joined = str(session._jvm.org.apache.hadoop.util.StringUtils.join("\n", files))
        # Sorted, as Spark lists folders side by side.
        return sorted(joined.split("\n")) if joined else []

    @cached_property
    def partition_names(self) -> set[str]:
        """Return the names of the columns that come from the names of folders."""
        return set() if self._listed else partition_names(self.rows)

    @cached_property
    def _listed(self) -> SourceFiles | None:
        return listed(self.location, self.options)


def listed(location: str, options: Mapping[str, str]) -> SourceFiles | None:
    """Return the files below a local path if their names alone tell which Spark reads."""
    is_plain = _CHOOSING.isdisjoint(name.lower() for name in options)
    # What a pattern stands for, only Hadoop tells for sure.
    if not (is_local(location) and is_plain and long_path(location).exists()):
        return None
    found = list_files(LocalFileSystem(), location, options)
    return None if found.is_partial or found.is_partitioned else found


def urls_of(files: SourceFiles) -> list[str]:
    """Return the encoded URLs of local files that Spark reads, in the order of their names."""
    return sorted(Path(file.location).as_uri() for file in files.read)


def partition_names(rows: DataFrame) -> set[str]:
    """Return the names of a source's columns that come from the names of folders."""
    return set(_file_index(rows).partitionSchema().fieldNames())


def _file_index(rows: DataFrame) -> Any:
    """Return Spark's list of a source's files, as it made it when the source was opened."""
    frame: Any = rows
    relation = frame._jdf.queryExecution().analyzed().collectLeaves().head()
    if str(relation.nodeName()) == "LogicalRelation":
        return relation.relation().location()
    # A session may read csv by Spark's second interface for sources.
    return relation.table().fileIndex()
