"""The channel of a driver that does not see the files of its run: in YARN's cluster mode.

DAGSTER_PIPES_MESSAGES names its folder on Hadoop's file system. What the job reports, logs and
prints goes there, through the JVM that YARN has started, which is there before a session and after
its end.
"""

from __future__ import annotations

import atexit
import base64
import json
import os
import sys
import threading
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime, timezone
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TextIO, cast

from framework.channel import Channel, Write
from framework.contract import message_folder, variables
from framework.contract.log_line import format_line
from framework.secrets import mask

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# Of a line without an end, in characters: more of it is sent.
_LONGEST_PART = 64 * 1024
_opening = threading.Lock()
_opened: Channel | None = None


def is_elsewhere() -> bool:
    """Return whether this driver reports through a folder on Hadoop's file system."""
    return _folder(os.environ.get(variables.PIPES_MESSAGES, "")) is not None


def channel() -> Channel | None:
    """Return the channel of this driver, opened by the first call; None if it needs none.

    Raises:
        OSError: If its folder can't be created.
    """
    global _opened
    folder = _folder(os.environ.get(variables.PIPES_MESSAGES, ""))
    if folder is None:
        return None
    with _opening:
        if _opened is None:
            max_bytes = int(os.environ.get(variables.LOG_MAX_BYTES) or 0)
            _opened = Channel(hadoop_writer(folder), max_bytes)
            copies = [Copied(sys.stdout, _opened, "stdout"), Copied(sys.stderr, _opened, "stderr")]
            sys.stdout, sys.stderr = (cast(TextIO, each) for each in copies)
            atexit.register(_close, _opened, copies)
        return _opened


@lru_cache(maxsize=1)
def _folder(messages: str) -> str | None:
    """Return the folder that the variable of Dagster Pipes names, None if it names another way."""
    if not messages:
        return None
    try:
        params = json.loads(zlib.decompress(base64.b64decode(messages)))
    except (ValueError, zlib.error):
        # dagster_pipes refuses it with its own words.
        return None
    folder = params.get(message_folder.PARAM) if isinstance(params, dict) else None
    return folder if isinstance(folder, str) else None


def driver_log(spark: SparkSession) -> str | None:
    """Return the address of the log of this driver's container, None if it is in none of YARN."""
    if not is_elsewhere():
        return None
    # As YARN tells each container.
    node, port, container, user = map(
        os.environ.get, ("NM_HOST", "NM_HTTP_PORT", "CONTAINER_ID", "USER")
    )
    if not (node and port and container and user):
        return None
    context: Any = spark.sparkContext
    policy = context._jsc.hadoopConfiguration().get("yarn.http.policy", "HTTP_ONLY")
    scheme = "https" if policy == "HTTPS_ONLY" else "http"
    return f"{scheme}://{node}:{port}/node/containerlogs/{container}/{user}"


def _close(opened: Channel, copies: list[Copied]) -> None:
    for copy in copies:
        copy.end()
    opened.close()


class Copied:
    """A stream of text whose lines go to the channel too, as lines of the log.

    Args:
        stream: The stream.
        channel: Where its lines go too.
        name: How log lines name it.
    """

    def __init__(self, stream: TextIO, channel: Channel, name: str) -> None:
        self.stream = stream
        self._channel = channel
        self._name = name
        self._partial = ""
        self._lock = threading.RLock()

    def write(self, text: str) -> int:
        """Write to the stream, and send what is complete."""
        written = self.stream.write(text)
        with self._lock:
            *lines, self._partial = (self._partial + text).split("\n")
            if len(self._partial) > 2 * _LONGEST_PART:
                # A progress bar may never end its line. A secret may go on in the next text.
                masked = mask(self._partial)
                lines.append(masked[:-_LONGEST_PART])
                self._partial = masked[-_LONGEST_PART:]
        for line in lines:
            self._send(line)
        return written

    def writelines(self, lines: list[str]) -> None:
        """Write each."""
        for line in lines:
            self.write(line)

    def end(self) -> None:
        """Send the last line, which has no end."""
        with self._lock:
            line, self._partial = self._partial, ""
        if line:
            self._send(line)

    def _send(self, line: str) -> None:
        now = datetime.now(tz=timezone.utc)
        # A progress bar is one line with a return for each of its states.
        for part in line.splitlines() or [""]:
            self._channel.log(format_line(now, "INFO", self._name, mask(part)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def hadoop_writer(folder: str) -> Write:
    """Create a folder for its owner alone, and return what writes its files.

    Args:
        folder: A URL, or a path below the user's home folder on the default file system.

    Raises:
        OSError: If it can't be created.
    """
    from pyspark import SparkContext

    context: Any = SparkContext
    with _as_os_error(f"create {folder}"):
        context._ensure_initialized()
        gateway, jvm = context._gateway, context._jvm
        util = jvm.org.apache.spark.deploy.SparkHadoopUtil.get()
        configuration = util.newConfiguration(jvm.org.apache.spark.SparkConf())
        hadoop = jvm.org.apache.hadoop.fs
        given = hadoop.Path(folder)
        fs = given.getFileSystem(configuration)
        path = fs.makeQualified(given)
        fs.mkdirs(path, hadoop.permission.FsPermission("700"))
        # FileSystem.rename does not replace.
        files = hadoop.FileContext.getFileContext(fs.getUri(), configuration)
        kinds = getattr(hadoop, "Options$Rename")
        replacing = gateway.new_array(kinds, 1)
        replacing[0] = kinds.OVERWRITE

    def write(name: str, data: bytes) -> None:
        with _as_os_error(f"write {name} in {folder}"):
            # To create a file makes its folder too, and one that its reader has removed would stay.
            if not fs.exists(path):
                raise OSError(f"can't write {name}: {folder} was removed by its reader")
            aside = hadoop.Path(path, f".{name}")
            stream = fs.create(aside, True)
            try:
                stream.write(bytearray(data))
            finally:
                stream.close()
            files.rename(aside, hadoop.Path(path, name), replacing)

    return write


@contextmanager
def _as_os_error(action: str) -> Generator[None]:
    from py4j.protocol import Py4JError, Py4JJavaError

    try:
        yield
    except Py4JJavaError as error:
        reason = str(error.java_exception.toString()).partition("\n")[0]
        raise OSError(f"can't {action}: {reason}") from error
    except (Py4JError, ConnectionError) as error:
        raise OSError(f"can't {action}: the driver's JVM is gone ({error})") from error
