"""Explain failures from outside the job, such as a full disk, with a remedy."""

from __future__ import annotations

import errno
import re
import sys
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from framework.contract.held_files import HeldOpenError
from framework.contract.paths import as_location, is_local
from framework.errors import PublishError, SharedPathError, SourceGoneError

if sys.platform == "win32":
    import ctypes

    def windows_texts(codes: Iterable[int]) -> list[str]:
        """Return what Windows, and so Java, says of errors, in the language of this Windows."""
        return [ctypes.FormatError(code).strip(" .") for code in codes]

else:

    def windows_texts(codes: Iterable[int]) -> list[str]:  # noqa: ARG001
        """Return nothing: no other system has these codes."""
        return []


_FULL = (errno.ENOSPC, errno.EDQUOT)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
_IN_THE_WAY = (errno.EEXIST, errno.ENOTDIR)

_FILE = re.compile(r"File (?=\S)")
_GONE = " does not exist"
# Of a disk that is full, and of the handle of a file on it.
_FULL_ON_WINDOWS = (112, 39)
# Bounded, as searches for an end that never comes take time by the square of the text's length.
_NO_SPACE = re.compile(
    "|".join(
        (
            r"No space left on device|Disk quota exceeded|quota of .{1,500}? is exceeded",
            "There is not enough space on the disk",
            *(re.escape(text) for text in windows_texts(_FULL_ON_WINDOWS)),
        )
    )
)
# A path may have spaces; what Hadoop adds begins with one and a parenthesis.
_NO_FOLDER = re.compile(r"Mkdirs failed to create (file:[^\n]+?)(?= \(exists=|$)", re.MULTILINE)
# Java's causes may form a cycle.
_MOST_CAUSES = 20


def remedy(error: OSError) -> str:
    """Return the remedy for an error of a file system, to be appended to a sentence."""
    if isinstance(error, HeldOpenError):
        return "; close it there and start the job again"
    if error.errno in _FULL or getattr(error, "winerror", None) in _FULL_ON_WINDOWS:
        return "; free some space there and start the job again"
    if error.errno in _FORBIDDEN:
        return "; let the user that the job runs as write there, or correct sinks[].path"
    if error.errno in _IN_THE_WAY:
        return "; a file is in the place of a folder: move it away, or correct sinks[].path"
    return ""


@contextmanager
def explained(root: str) -> Generator[None]:
    """Explain the failures of a block in which Spark reads sources and writes below `root`.

    Raises:
        SharedPathError: If executors do not see a file that the driver sees.
        SourceGoneError: If a file that was there when the landing began is gone.
        PublishError: If no space is left to write to.
    """
    from py4j.protocol import Py4JJavaError

    try:
        yield
    except Py4JJavaError as error:
        for text in _texts(error.java_exception):
            if path := _file_gone(text):
                raise _unseen(as_location(path)) from error
            if found := _NO_FOLDER.search(text):
                raise _not_made(as_location(found[1])) from error
            if _NO_SPACE.search(text):
                _close_abandoned_files()
                raise PublishError(
                    f"{root}: no space is left to write to ({text}); nothing was published, the "
                    "old data is in place. Free some there, or in Spark's folder for what does not "
                    "fit in memory (spark.local.dir), and start the job again"
                ) from error
        raise


def _master() -> str:
    from pyspark import SparkContext

    context: Any = SparkContext
    return str(context._active_spark_context.master)


def _not_made(location: str) -> PublishError:
    """Return the error of a folder that a task could not create below the staging folder."""
    master = _master()
    if not master.startswith("local"):
        return SharedPathError(location, f"an executor of {master} can't create the folder there")
    return PublishError(
        f"{location}: the folder can't be created; nothing was published, the old data is in "
        "place. Let the user that the job runs as write there, and start the job again"
    )


def _unseen(location: str) -> SourceGoneError | SharedPathError:
    """Return the error of a file that an executor did not find."""
    master = _master()
    if master.startswith("local") or not is_local(location) or not Path(location).exists():
        return SourceGoneError(location)
    return SharedPathError(
        location, f"an executor of {master} does not find the file, which the driver sees"
    )


def _file_gone(text: str) -> str | None:
    """Return the path in `File <path> does not exist`, or None."""
    start, end = _FILE.search(text), text.rfind(_GONE)
    return text[start.end() : end] if start and start.end() < end else None


def _close_abandoned_files() -> None:
    """Let the JVM close what a failed writer left open: until then its deleted files take space."""
    from pyspark import SparkContext

    context: Any = SparkContext
    context._jvm.java.lang.System.gc()


def _texts(thrown: Any) -> Iterator[str]:
    """Yield the first line of each cause, the deepest first."""
    texts: list[str] = []
    while thrown is not None and len(texts) < _MOST_CAUSES:
        texts.append(str(thrown.getMessage() or "").partition("\n")[0])
        thrown = thrown.getCause()
    return reversed(texts)
