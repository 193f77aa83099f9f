"""Spell paths as Spark and its launcher take them on each system. Pure: any system's, anywhere."""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import quote

Platform = Literal["linux", "darwin", "win32"]

_DRIVE = re.compile(r"(?:^|(?<=,))[A-Za-z]:/[^,]*")


def separator(platform: Platform) -> str:
    """Return what stands between the folders of a search path."""
    return ";" if platform == "win32" else ":"


def base_name(path: str, platform: Platform) -> str:
    """Return the name that a shipped file has in a container: that after its `#`, or its own."""
    separators = r"[/\\]" if platform == "win32" else "/"
    return re.split(separators, path.partition("#")[2] or path)[-1]


def file_uri(path: str, platform: Platform) -> str:
    """Return the URI of an absolute path of that system; it has no space."""
    if platform == "win32":
        return "file:///" + quote(path.replace("\\", "/"), safe="/:")
    return "file://" + quote(path)


def java_option_path(path: str, platform: Platform) -> str:
    """Return an absolute path as Spark's list of Java options can hold it, with its spaces."""
    if platform != "win32":
        return file_uri(path, platform)
    # No URI, as its %20 does not come through Windows' cmd.
    return quoted_option(path)


def quoted_option(text: str) -> str:
    r"""Return a Java option as Spark's list of them can hold it, with its spaces.

    >>> print(quoted_option(r"-Da=C:\a b"))
    "-Da=C:\\a b"
    """
    # In quotes a backslash stands for itself if it is doubled.
    return '"' + text.replace("\\", "\\\\").replace('"', r"\"") + '"'


def listed_paths(entries: str, platform: Platform) -> str:
    r"""Return a comma list of paths and URLs as Spark reads it.

    On Windows it takes C:/x for a URL of the scheme C, and C:\x for a path.

    >>> print(listed_paths("C:/a.jar,hdfs://nn/b.jar", "win32"))
    C:\a.jar,hdfs://nn/b.jar
    """
    if platform != "win32":
        return entries
    return _DRIVE.sub(lambda path: path.group().replace("/", "\\"), entries)
