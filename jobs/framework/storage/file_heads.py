"""Read the first bytes of many files, on any file system and through any codec that Spark knows."""

from __future__ import annotations

import bz2
import gzip
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

from framework.contract.paths import as_location, is_local
from framework.errors import SourceGoneError
from framework.logging import get_logger
from framework.storage.disk import long_path

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# Files read side by side, where each is a request to a server or a codec to set up.
AT_ONCE = 16

# Hadoop picks the codec by the suffix, in lower case.
_OPENERS: Mapping[str, Callable[[Path, str], Any]] = {
    **dict.fromkeys(("", ".csv", ".txt", ".tsv", ".dat"), open),
    ".gz": gzip.open,
    ".bz2": bz2.open,
}
_DAMAGED = (OSError, EOFError, zlib.error)


class Start(NamedTuple):
    """The first bytes of a file, uncompressed; with `is_whole` there are no more.

    `changed_ns` is when a local file had changed before they were read; None for others.
    """

    text: bytes
    is_whole: bool
    changed_ns: int | None = None


def changed_ns(location: str) -> int | None:
    """Return when a local file was changed, in nanoseconds since 1970; None if it tells nothing."""
    try:
        return long_path(location).stat().st_mtime_ns if is_local(location) else None
    except FileNotFoundError:
        return None


class FileHeads:
    """A reader of the first bytes of files by the URLs that Spark gives.

    Python opens local files, if it knows how they are compressed. All others are read through
    Hadoop in the driver's JVM, with the reader's options, which may hold a file system's
    credentials.

    Args:
        spark: The session.
        options: The reader's options.
        known: What was read of files before, by location; the caller may add to it.
    """

    def __init__(
        self,
        spark: SparkSession,
        options: Mapping[str, str],
        known: Mapping[str, Start] | None = None,
    ) -> None:
        self._spark: Any = spark
        self._options = dict(options)
        self._known = {} if known is None else known

    def is_quick(self, url: str) -> bool:
        """Return whether a file is read without the JVM."""
        location = location_of(url)
        if location in self._known:
            return True
        return is_local(location) and PurePosixPath(location).suffix in _OPENERS

    def raw(self, url: str, size: int) -> bytes:
        """Return the first `size` bytes of a file as it is stored.

        Raises:
            SourceGoneError: If the file is gone.
        """
        location = location_of(url)
        if not is_local(location):
            return self._through_hadoop(url, size, unpacks=False)
        try:
            with long_path(location).open("rb") as file:
                return file.read(size)
        except FileNotFoundError as error:
            raise SourceGoneError(location) from error

    def read(self, url: str, size: int) -> bytes:
        """Return the first `size` bytes of a file, uncompressed, or all that it has.

        Raises:
            SourceGoneError: If the file is gone.
        """
        location = location_of(url)
        start = self._known.get(location)
        # A file may have been delivered again since.
        is_same = start is not None and start.changed_ns == changed_ns(location)
        if start and is_same and (start.is_whole or len(start.text) >= size):
            return start.text[:size]
        if is_local(location) and PurePosixPath(location).suffix in _OPENERS:
            try:
                opener = _OPENERS[PurePosixPath(location).suffix]
                with opener(long_path(location), "rb") as file:
                    return file.read(size)
            except FileNotFoundError as error:
                raise SourceGoneError(location) from error
            except _DAMAGED as error:
                # Spark's codec decides, and names the fault as it would in its tasks.
                get_logger("framework.file_heads").debug("%s: %s", location, error)
        return self._through_hadoop(url, size, unpacks=True)

    def _through_hadoop(self, url: str, size: int, *, unpacks: bool) -> bytes:
        from py4j.protocol import Py4JJavaError

        java = self._java
        path = java.path(java.uri(url))
        try:
            stream = path.getFileSystem(java.conf).open(path)
        except Py4JJavaError as error:
            if str(error.java_exception.getClass().getName()).endswith("FileNotFoundException"):
                raise SourceGoneError(location_of(url)) from error
            raise
        try:
            codec = java.codecs.getCodec(path) if unpacks else None
            content = stream if codec is None else codec.createInputStream(stream)
            return bytes(java.to_bytes(java.bounded(content, size)))
        finally:
            stream.close()

    @cached_property
    def _java(self) -> _Java:
        """Return the JVM's classes, looked up once, as each look-up is several calls."""
        jvm = self._spark._jvm
        given = jvm.PythonUtils.toScalaMap(self._options)
        conf = self._spark._jsparkSession.sessionState().newHadoopConfWithOptions(given)
        io = jvm.org.apache.commons.io
        return _Java(
            conf=conf,
            codecs=jvm.org.apache.hadoop.io.compress.CompressionCodecFactory(conf),
            path=jvm.org.apache.hadoop.fs.Path,
            uri=jvm.java.net.URI,
            bounded=io.input.BoundedInputStream,
            to_bytes=io.IOUtils.toByteArray,
        )


@dataclass(frozen=True)
class _Java:
    conf: Any
    codecs: Any
    path: Any
    uri: Any
    bounded: Any
    to_bytes: Any


def location_of(url: str) -> str:
    """Return the location of a file that Spark names by its encoded URL.

    >>> location_of("file:///data/a%20b.csv"), location_of("hdfs://nn:8020/a%2525")
    ('/data/a b.csv', 'hdfs://nn:8020/a%25')
    """
    return as_location(unquote(url))
