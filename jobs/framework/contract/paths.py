"""Locations of data: an absolute local path with forward slashes, or a URL.

`file:` URLs become local paths, so that each place has one spelling.
"""

from __future__ import annotations

import os
import posixpath
import re
import sys
import unicodedata
from pathlib import Path

from framework.contract import variables

# Two letters at least: `C:/data` is a Windows path, not a URL.
_URL = re.compile(r"^(?P<scheme>[A-Za-z][A-Za-z0-9+.-]+):(?P<rest>/.*)$")
_AUTHORITY = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]+:(//[^/]*)?")
# Relative and already normal, so that `resolve` need not normalize it.
_PLAIN = re.compile(r"[^./\\:][^/\\:]*(/[^./\\:][^/\\:]*)*")
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/")
_DRIVE = re.compile(r"[A-Za-z]:[/\\]")
_WINDOWS_DRIVE = re.compile(r"^/[A-Za-z]:/")
IGNORES_CASE = sys.platform in ("win32", "darwin")
"""True where local names that differ by case or by how accents are encoded are one."""


def base_location() -> str:
    """Return the data root: JOB_BASE_DIR, or the working folder if it is unset."""
    return as_location(os.environ.get(variables.BASE_DIR) or ".")


def as_location(path: str) -> str:
    """Return `path` (local, `file:` or another URL) as a location, relative to the cwd."""
    url = _URL.match(path)
    if url is None:
        return _normal(Path(path).absolute())
    if url["scheme"].lower() != "file":
        return path.rstrip("/") or path
    plain = re.sub(r"^//[^/]*", "", url["rest"]) or "/"
    if _WINDOWS_DRIVE.match(plain):
        return _normal(Path(plain[1:]))
    # On Windows it is on the drive of the working folder, as a path without a scheme is.
    return _normal(Path(plain).absolute() if plain.startswith("/") else Path(plain))


def resolve(base: str, path: str) -> str:
    """Resolve `path` against the location `base`.

    An absolute path without a scheme stays on the file system of `base`:
    `/land/x` under `hdfs://nn:8020/data` is `hdfs://nn:8020/land/x`. One with a drive is Windows'.
    """
    if _PLAIN.fullmatch(path):
        return f"{base.rstrip('/')}/{path}"
    if _URL.match(path):
        return as_location(path)
    if is_local(base):
        return as_location(str(Path(base) / path))
    if _DRIVE.match(path):
        return path.replace("\\", "/").rstrip("/")
    if path.startswith("/"):
        authority = _AUTHORITY.match(base)
        return (authority[0] if authority else "") + path.rstrip("/")
    return join(base, path.rstrip("/"))


def is_absolute(path: str) -> bool:
    """Return whether a path is a location: absolute, or a URL.

    >>> is_absolute("C:/data"), is_absolute("s3a://b/x"), is_absolute("../x")
    (True, True, False)
    """
    return path.startswith("/") or _ABSOLUTE.match(path) is not None


def relative_to(location: str, folder: str) -> str | None:
    """Return the path from a folder to a location, None if they are on different file systems.

    >>> relative_to("hdfs://nn/t/d=1", "hdfs://nn/t/_x"), relative_to("D:/t", "C:/t")
    ('../d=1', None)
    """
    start, path = _split(location)
    folder_start, folder_path = _split(folder)
    return None if start != folder_start else posixpath.relpath(path, folder_path)


def from_folder(folder: str, path: str) -> str:
    """Return the location at which a path leads from a folder; a location stays as it is.

    >>> from_folder("hdfs://nn/t/_x", "../d=1"), from_folder("/t", "../../../u")
    ('hdfs://nn/t/d=1', '/u')
    """
    if is_absolute(path):
        start, path = _split(path)
        return start + posixpath.normpath(path)
    start, folder_path = _split(folder)
    return start + posixpath.normpath(f"{folder_path}/{path}")


def is_within(location: str, folder: str, *, ignores_case: bool = IGNORES_CASE) -> bool:
    """Return whether a location is the folder or anywhere below it.

    >>> is_within("C:/Data/x", "c:/data", ignores_case=True)
    True
    """
    within = as_compared(normal(folder), ignores_case=ignores_case).rstrip("/")
    inner = as_compared(normal(location), ignores_case=ignores_case)
    return f"{inner}/".startswith(f"{within}/")


def as_compared(location: str, *, ignores_case: bool = IGNORES_CASE) -> str:
    """Return a location as its file system compares names: equal texts are one place."""
    if not ignores_case or not is_local(location):
        return location
    return unicodedata.normalize("NFC", location).casefold()


def is_local(location: str) -> bool:
    """Return whether a location is a local path."""
    return _URL.match(location) is None


def path_start(location: str) -> int:
    """Return where the path of a location begins: 0, or after a URL's scheme and server.

    >>> path_start("/data/x"), path_start("hdfs://[::1]:8020/x")
    (0, 17)
    """
    authority = _AUTHORITY.match(location)
    return authority.end() if authority else 0


def join(location: str, *names: str) -> str:
    """Return the location of a name below another location."""
    return "/".join([location.rstrip("/"), *names])


def parent(location: str) -> str:
    """Return the location of the folder that holds `location`."""
    return location.rstrip("/").rpartition("/")[0]


def _split(location: str) -> tuple[str, str]:
    """Return a location's file system (a URL's start or a drive, else empty) and its path."""
    drive = re.match(r"[A-Za-z]:(?=/)", location)
    start = drive.end() if drive else path_start(location)
    return location[:start], location[start:]


def _normal(path: Path) -> str:
    """Remove `..` without a look at the file system, so that each place has one spelling."""
    return Path(os.path.normpath(path)).as_posix()


def normal(location: str) -> str:
    """Return a location without `..`, `.` and doubled slashes, as Hadoop reads it.

    >>> normal("hdfs://nn/a//b/../c"), normal("/a/b")
    ('hdfs://nn/a/c', '/a/b')
    """
    if is_local(location):
        return location
    authority = _AUTHORITY.match(location)
    start = authority[0] if authority else ""
    path = posixpath.normpath("/" + location[len(start) :].lstrip("/"))
    return start + path.rstrip("/")


def for_spark(location: str) -> str:
    """Return a location with its scheme.

    Without one, Spark would look for a local path on its default file system, which need not be
    the local one.
    """
    if not is_local(location):
        return location
    return "file://" + (location if location.startswith("/") else "/" + location)
