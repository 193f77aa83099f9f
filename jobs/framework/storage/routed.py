"""A file system for all paths: Python's for local ones, the driver's JVM for the others."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from framework.contract.paths import is_local
from framework.storage.filesystem import FileEntry, FileSystem, Usage
from framework.storage.hadoop import HadoopFileSystem
from framework.storage.local import LocalFileSystem

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class RoutedFileSystem:
    """A FileSystem that uses the local one for local paths, and Hadoop's for URLs."""

    def __init__(self, spark: SparkSession | None = None) -> None:
        self._spark = spark
        self._local = LocalFileSystem()
        self._hadoop: FileSystem | None = None

    def of(self, location: str) -> FileSystem:
        """Return the file system that holds a location.

        Raises:
            OSError: If the location is a URL and Spark has no session to reach it.
        """
        if is_local(location):
            return self._local
        if self._spark is None:
            raise OSError(f"{location} needs a Spark session: only local paths work without one")
        if self._hadoop is None:
            self._hadoop = HadoopFileSystem.of_session(self._spark)
        return self._hadoop

    def exists(self, location: str) -> bool:
        return self.of(location).exists(location)

    def matches(self, pattern: str) -> bool:
        return self.of(pattern).matches(pattern)

    def glob(self, pattern: str) -> list[str]:
        return self.of(pattern).glob(pattern)

    def files(self, location: str, most: int) -> list[FileEntry]:
        return self.of(location).files(location, most)

    def read_head(self, location: str, size_bytes: int) -> bytes:
        return self.of(location).read_head(location, size_bytes)

    def names(self, location: str) -> list[str]:
        return self.of(location).names(location)

    def make_dirs(self, location: str) -> None:
        self.of(location).make_dirs(location)

    def create_exclusive(self, location: str, data: bytes) -> None:
        self.of(location).create_exclusive(location, data)

    def read_bytes(self, location: str) -> bytes:
        return self.of(location).read_bytes(location)

    def modified(self, location: str) -> datetime:
        return self.of(location).modified(location)

    def write_atomic(self, location: str, data: bytes) -> None:
        self.of(location).write_atomic(location, data)

    def make_durable(self, location: str) -> None:
        self.of(location).make_durable(location)

    def can_make_durable(self, location: str) -> bool:
        return self.of(location).can_make_durable(location)

    def renames_by_copy(self, location: str) -> bool:
        return self.of(location).renames_by_copy(location)

    def rename(self, source: str, target: str) -> None:
        # Both are on the same file system.
        self.of(source).rename(source, target)

    def delete(self, location: str) -> None:
        self.of(location).delete(location)

    def remove_empty_dir(self, location: str) -> bool:
        return self.of(location).remove_empty_dir(location)

    def usage(self, location: str) -> Usage:
        return self.of(location).usage(location)

    def content(self, location: str) -> Usage:
        return self.of(location).content(location)
