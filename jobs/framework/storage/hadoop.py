"""The file systems of Hadoop (hdfs:, s3a:, ..), through the driver's JVM.

A rename is atomic only if the file system's is: on HDFS it is, object stores copy.
"""

from __future__ import annotations

import errno
import re
import secrets
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from itertools import islice
from typing import TYPE_CHECKING, Any

from framework.contract.paths import as_location, for_spark, parent
from framework.storage.filesystem import HIDDEN, FileEntry, Usage, is_hidden_folder
from framework.storage.patterns import has_pattern, with_literal_start

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# Half of the time after which a partial journal counts as torn (see publish/lock.py).
_OWN_PARTIAL_S = 30.0
# The servers of these refuse a non-recursive delete of a folder that is not empty. For others
# Hadoop's client checks before it deletes, and could delete a new child too.
_SAFE_EMPTY_DELETE = ("hdfs", "viewfs", "webhdfs")
_HDFS = (*_SAFE_EMPTY_DELETE, "swebhdfs")
_OBJECT_STORES = ("s3", "s3a", "s3n", "gs", "oss", "cosn", "obs", "swift", "wasb", "wasbs")
# An option of the data nodes, which clients see in the cluster's hdfs-site.xml.
_SYNC_ON_CLOSE = "dfs.datanode.synconclose"
# HDFS raises the last two for a file that another client, which may have died, has not closed.
_EXISTS = (
    "FileAlreadyExistsException",
    "AlreadyBeingCreatedException",
    "RecoveryInProgressException",
)


class HadoopFileSystem:
    """A FileSystem over org.apache.hadoop.fs.

    Args:
        gateway: The gateway of py4j to a JVM with Hadoop's client.
        configuration: Hadoop's configuration in that JVM.
    """

    def __init__(self, gateway: Any, configuration: Any) -> None:
        self._gateway = gateway
        self._jvm = gateway.jvm
        self._conf = configuration
        self._contexts: dict[str, Any] = {}

    @classmethod
    def of_session(cls, spark: SparkSession) -> HadoopFileSystem:
        """Return the file system with the session's configuration."""
        context: Any = spark.sparkContext
        return cls(context._gateway, context._jsc.hadoopConfiguration())

    def exists(self, location: str) -> bool:
        path, fs = self._open(location)
        with _as_os_error(f"look for {location}"):
            return bool(fs.exists(path))

    def matches(self, pattern: str) -> bool:
        return bool(self.glob(pattern))

    def files(self, location: str, most: int) -> list[FileEntry]:
        path, fs = self._open(location)
        with _as_os_error(f"list {location}"):
            # Hadoop's answers name the server as it likes.
            start = len(str(fs.getFileStatus(path).getPath().toString()))
            return [
                FileEntry(location.rstrip("/") + entry.location[start:], entry.size_bytes)
                for entry in islice(_files_below(fs, path), most)
            ]

    def read_head(self, location: str, size_bytes: int) -> bytes:
        path, fs = self._open(location)
        with _as_os_error(f"read {location}"):
            stream = fs.open(path)
            try:
                io = self._jvm.org.apache.commons.io
                bounded = io.input.BoundedInputStream(stream, size_bytes)
                return bytes(io.IOUtils.toByteArray(bounded))
            finally:
                stream.close()

    def glob(self, pattern: str) -> list[str]:
        if not has_pattern(pattern):
            return [pattern] if self.exists(pattern) else []
        if self.exists(pattern):
            return [pattern]
        path, fs = self._open(with_literal_start(self, pattern))
        with _as_os_error(f"look for {pattern}"):
            statuses = fs.globStatus(path)
            if statuses is None or len(statuses) == 0:
                return []
            # As one text, `{hdfs://nn/a,hdfs://nn/b}`, since each element would be a round trip.
            paths = self._jvm.org.apache.hadoop.fs.FileUtil.stat2Paths(statuses)
            text = str(self._jvm.org.apache.commons.lang3.ArrayUtils.toString(paths))
            scheme = re.escape(str(fs.getUri().getScheme()))
        return sorted(as_location(each) for each in re.split(f",(?={scheme}:)", text[1:-1]))

    def names(self, location: str) -> list[str]:
        path, fs = self._open(location)
        try:
            with _as_os_error(f"list {location}"):
                statuses = fs.listStatus(path) if fs.getFileStatus(path).isDirectory() else []
                return sorted(str(status.getPath().getName()) for status in statuses)
        except FileNotFoundError:
            return []

    def make_dirs(self, location: str) -> None:
        path, fs = self._open(location)
        with _as_os_error(f"create the folder {location}"):
            if not fs.mkdirs(path):
                raise OSError(f"can't create the folder {location}")

    def create_exclusive(self, location: str, data: bytes) -> None:
        # create with overwrite=False is atomic on the server.
        from py4j.protocol import Py4JJavaError

        path, fs = self._open(location)
        with _as_os_error(f"create {location}"):
            fs.mkdirs(path.getParent())
            began_s = time.monotonic()
            stream = fs.create(path, False)
            try:
                self._write(stream, data)
            except Py4JJavaError:
                # Without space, the partial file would look like a journal in the making. After a
                # while another landing may take it for a torn one, and put its own in its place.
                if time.monotonic() - began_s < _OWN_PARTIAL_S:
                    fs.delete(path, False)
                raise

    def read_bytes(self, location: str) -> bytes:
        path, fs = self._open(location)
        with _as_os_error(f"read {location}"):
            stream = fs.open(path)
            try:
                return bytes(self._jvm.org.apache.commons.io.IOUtils.toByteArray(stream))
            finally:
                stream.close()

    def modified(self, location: str) -> datetime:
        path, fs = self._open(location)
        with _as_os_error(f"look at {location}"):
            modified_ms = fs.getFileStatus(path).getModificationTime()
        return datetime.fromtimestamp(modified_ms / 1000, tz=timezone.utc)

    def write_atomic(self, location: str, data: bytes) -> None:
        # Of this writer alone: another one may take the same journal over.
        temporary = f"{location}.tmp-{secrets.token_hex(4)}"
        path, fs = self._open(temporary)
        with _as_os_error(f"write {location}"):
            self._write(fs.create(path, False), data)
            self._rename(fs, path, self._path(location), "OVERWRITE")

    def make_durable(self, location: str) -> None:
        """Do nothing: Spark's writers closed their files, and object stores keep closed files.

        HDFS has them in the memory of its data nodes. Spark can't be told to sync them, and to open
        them again for that would sync only the last block of each.
        """

    def can_make_durable(self, location: str) -> bool:
        _, fs = self._open(location)
        with _as_os_error(f"reach the file system of {location}"):
            return fs.getScheme() not in _HDFS or bool(self._conf.getBoolean(_SYNC_ON_CLOSE, False))

    def renames_by_copy(self, location: str) -> bool:
        _, fs = self._open(location)
        with _as_os_error(f"reach the file system of {location}"):
            return fs.getScheme() in _OBJECT_STORES

    def rename(self, source: str, target: str) -> None:
        path, fs = self._open(source)
        with _as_os_error(f"rename {source} to {target}"):
            self._rename(fs, path, self._path(target), "NONE")

    def delete(self, location: str) -> None:
        path, fs = self._open(location)
        with _as_os_error(f"delete {location}"):
            if not fs.delete(path, True) and fs.exists(path):
                raise OSError(f"the file system refused to delete {location}")

    def remove_empty_dir(self, location: str) -> bool:
        # Only if the server checks and removes in one step.
        path, fs = self._open(location)
        with _as_os_error(f"remove the folder {location}"):
            if not fs.exists(path):
                return True
            if fs.getScheme() not in _SAFE_EMPTY_DELETE or len(fs.listStatus(path)) > 0:
                return False
        try:
            with _as_os_error(f"remove the folder {location}"):
                return bool(fs.delete(path, False))
        except OSError as error:
            if error.errno == errno.ENOTEMPTY:
                return False
            raise

    def usage(self, location: str) -> Usage:
        path, fs = self._open(location)
        with _as_os_error(f"list {location}"):
            sizes = list(_sizes(fs, path))
        return Usage(len(sizes), sum(sizes))

    def content(self, location: str) -> Usage:
        path, fs = self._open(location)
        try:
            with _as_os_error(f"count the files of {location}"):
                # One request; a listing would be a round trip to the JVM for each file.
                summary = fs.getContentSummary(path)
                return Usage(int(summary.getFileCount()), int(summary.getLength()))
        except FileNotFoundError:
            return Usage(0, 0)

    def _path(self, location: str) -> Any:
        return self._jvm.org.apache.hadoop.fs.Path(for_spark(location))

    def _open(self, location: str) -> tuple[Any, Any]:
        with _as_os_error(f"reach the file system of {parent(location)}"):
            path = self._path(location)
            return path, path.getFileSystem(self._conf)

    def _rename(self, fs: Any, source: Any, target: Any, option: str) -> None:
        """Rename in one step that raises if it can't be done.

        FileSystem.rename moves into an existing folder, and returns false without a reason.
        """
        uri = fs.getUri()
        key = str(uri)
        if key not in self._contexts:
            contexts = self._jvm.org.apache.hadoop.fs.FileContext
            self._contexts[key] = contexts.getFileContext(uri, self._conf)
        kinds = getattr(self._jvm.org.apache.hadoop.fs, "Options$Rename")
        options = self._gateway.new_array(kinds, 1)
        options[0] = getattr(kinds, option)
        self._contexts[key].rename(source, target, options)

    def _write(self, stream: Any, data: bytes) -> None:
        try:
            stream.write(bytearray(data))
            stream.hsync()
        finally:
            stream.close()


def _files_below(fs: Any, folder: Any) -> Iterator[FileEntry]:
    """Yield the files of a folder before those of the folders in it."""
    folders: list[Any] = []
    for status in fs.listStatus(folder):
        if status.isDirectory():
            folders.append(status.getPath())
        else:
            yield FileEntry(str(status.getPath().toString()), int(status.getLen()))
    for each in folders:
        yield from _files_below(fs, each)


def _sizes(fs: Any, folder: Any) -> Iterator[int]:
    for status in fs.listStatus(folder):
        name = str(status.getPath().getName())
        if status.isDirectory():
            if not is_hidden_folder(name):
                yield from _sizes(fs, status.getPath())
        elif not name.startswith(HIDDEN):
            yield int(status.getLen())


@contextmanager
def _as_os_error(action: str) -> Generator[None]:
    """Turn the JVM's exceptions into OSErrors."""
    from py4j.protocol import Py4JJavaError, Py4JNetworkError

    try:
        try:
            yield
        except Py4JJavaError as error:
            raise _os_error(action, error.java_exception) from error
    except (Py4JNetworkError, ConnectionError) as error:
        raise OSError(f"can't {action}: the driver's JVM is gone ({error})") from error


def _os_error(action: str, thrown: Any) -> OSError:
    name = str(thrown.getClass().getName())
    if name.endswith(".RemoteException"):
        # The client wraps a class that it does not know, with the server's stack as the text.
        name = str(thrown.getClassName())
    first_line = str(thrown.toString()).partition("\n")[0]
    text = f"can't {action}: {first_line}"
    if name.endswith(_EXISTS):
        return FileExistsError(text)
    if name.endswith("FileNotFoundException"):
        return FileNotFoundError(text)
    if name.endswith("PathIsNotEmptyDirectoryException"):
        return OSError(errno.ENOTEMPTY, text)
    return OSError(text)
