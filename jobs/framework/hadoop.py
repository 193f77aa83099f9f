"""The file systems of Hadoop (hdfs:, s3a:, ..), through the driver's JVM.

A rename is atomic where the file system's is: on HDFS. Object stores copy.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from framework.filesystem import HIDDEN, Usage
from framework.locations import for_spark, parent

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# Here a non-recursive delete of a folder that got a child meanwhile is refused by the server.
# Elsewhere Hadoop's client looks first and deletes then, which could take the child along.
_SAFE_EMPTY_DELETE = ("hdfs", "viewfs", "webhdfs")


class HadoopFileSystem:
    """A FileSystem over org.apache.hadoop.fs, with the session's Hadoop configuration."""

    def __init__(self, spark: SparkSession) -> None:
        context: Any = spark.sparkContext
        self._gateway: Any = context._gateway
        self._jvm: Any = context._jvm
        self._conf: Any = context._jsc.hadoopConfiguration()

    def exists(self, location: str) -> bool:
        """See FileSystem."""
        path, fs = self._open(location)
        with _as_os_error(f"look for {location}"):
            return bool(fs.exists(path))

    def matches(self, pattern: str) -> bool:
        """See FileSystem."""
        path, fs = self._open(pattern)
        with _as_os_error(f"look for {pattern}"):
            found = fs.globStatus(path)
            return found is not None and len(found) > 0

    def make_dirs(self, location: str) -> None:
        """See FileSystem."""
        path, fs = self._open(location)
        with _as_os_error(f"create the folder {location}"):
            if not fs.mkdirs(path):
                raise OSError(f"can't create the folder {location}")

    def create_exclusive(self, location: str, data: bytes) -> None:
        """See FileSystem; Hadoop's create without overwrite."""
        path, fs = self._open(location)
        with _as_os_error(f"create {location}"):
            fs.mkdirs(path.getParent())
            self._write(fs.create(path, False), data)

    def read_bytes(self, location: str) -> bytes:
        """See FileSystem."""
        path, fs = self._open(location)
        with _as_os_error(f"read {location}"):
            stream = fs.open(path)
            try:
                return bytes(self._jvm.org.apache.commons.io.IOUtils.toByteArray(stream))
            finally:
                stream.close()

    def modified(self, location: str) -> datetime:
        """See FileSystem."""
        path, fs = self._open(location)
        with _as_os_error(f"look at {location}"):
            modified_ms = fs.getFileStatus(path).getModificationTime()
        return datetime.fromtimestamp(modified_ms / 1000, tz=timezone.utc)

    def write_atomic(self, location: str, data: bytes) -> None:
        """See FileSystem; FileContext is the one that can rename over a file in one step."""
        temporary = location + ".tmp"
        path, fs = self._open(temporary)
        with _as_os_error(f"write {location}"):
            self._write(fs.create(path, True), data)
            rename = getattr(self._jvm.org.apache.hadoop.fs, "Options$Rename")
            options = self._gateway.new_array(rename, 1)
            options[0] = rename.OVERWRITE
            context = self._jvm.org.apache.hadoop.fs.FileContext.getFileContext(
                fs.getUri(), self._conf
            )
            context.rename(path, self._path(location), options)

    def make_durable(self, location: str) -> None:
        """Nothing: Spark's writers have closed their files, and the servers keep what is closed."""

    def rename(self, source: str, target: str) -> None:
        """See FileSystem; onto an existing folder Hadoop would move inside it."""
        path, fs = self._open(source)
        with _as_os_error(f"rename {source} to {target}"):
            if fs.exists(self._path(target)):
                raise FileExistsError(f"{target} exists, {source} can't be renamed to it")
            if not fs.rename(path, self._path(target)):
                raise OSError(f"the file system refused to rename {source} to {target}")

    def delete(self, location: str) -> None:
        """See FileSystem."""
        path, fs = self._open(location)
        with _as_os_error(f"delete {location}"):
            if not fs.delete(path, True) and fs.exists(path):
                raise OSError(f"the file system refused to delete {location}")

    def remove_empty_dir(self, location: str) -> bool:
        """See FileSystem; only where the check and the removal are one step."""
        path, fs = self._open(location)
        with _as_os_error(f"remove the folder {location}"):
            if not fs.exists(path):
                return True
            if fs.getScheme() not in _SAFE_EMPTY_DELETE or len(fs.listStatus(path)) > 0:
                return False
            return bool(fs.delete(path, False))

    def usage(self, location: str) -> Usage:
        """See FileSystem."""
        path, fs = self._open(location)
        with _as_os_error(f"list {location}"):
            sizes = list(_sizes(fs, path))
        return Usage(len(sizes), sum(sizes))

    def _path(self, location: str) -> Any:
        return self._jvm.org.apache.hadoop.fs.Path(for_spark(location))

    def _open(self, location: str) -> tuple[Any, Any]:
        path = self._path(location)
        with _as_os_error(f"reach the file system of {parent(location)}"):
            return path, path.getFileSystem(self._conf)

    def _write(self, stream: Any, data: bytes) -> None:
        try:
            stream.write(bytearray(data))
            stream.hsync()
        finally:
            stream.close()


def _sizes(fs: Any, folder: Any) -> Iterator[int]:
    for status in fs.listStatus(folder):
        if status.getPath().getName().startswith(HIDDEN):
            continue
        if status.isDirectory():
            yield from _sizes(fs, status.getPath())
        else:
            yield int(status.getLen())


@contextmanager
def _as_os_error(action: str) -> Generator[None]:
    """Turn the JVM's exceptions into the OSErrors that the protocol promises."""
    from py4j.protocol import Py4JJavaError

    try:
        yield
    except Py4JJavaError as error:
        name = str(error.java_exception.getClass().getName())
        text = f"can't {action}: {error.java_exception.toString()}"
        if name.endswith("FileAlreadyExistsException"):
            raise FileExistsError(text) from error
        if name.endswith("FileNotFoundException"):
            raise FileNotFoundError(text) from error
        raise OSError(text) from error
