"""Patterns in paths, as Hadoop reads them: `*`, `?`, `[..]`, `{a,b}`, and `\\` before any of these.

A name that exists as it is spelled is that name, not a pattern.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from framework.contract.paths import path_start

if TYPE_CHECKING:
    from framework.storage.filesystem import FileSystem

_DRIVE = re.compile(r"[A-Za-z]:")
_SPECIAL = re.compile(r"[*?\[\]{}\\]")
_BRACES = re.compile(r"(?<!\\)\{((?:[^{}\\]|\\.)*)\}")
_ESCAPED = re.compile(r"\\(.)")
_STARS = re.compile(r"(?<!\\)\*{2,}")


def has_pattern(location: str) -> bool:
    """Return whether Spark would read the path of a location as a pattern.

    >>> has_pattern("/in/a*.csv"), has_pattern("/in/a b#%.csv"), has_pattern("hdfs://[::1]:8020/in")
    (True, False, False)
    """
    return _SPECIAL.search(location, path_start(location)) is not None


def escaped(location: str) -> str:
    """Return the pattern that only a location itself matches.

    >>> print(escaped("/in[1]/a"))
    /in\\[1\\]/a
    """
    start = path_start(location)
    return location[:start] + _SPECIAL.sub(r"\\\g<0>", location[start:])


def with_literal_start(fs: FileSystem, location: str) -> str:
    """Return a pattern in which the folders that exist as they are spelled stand for themselves."""
    parts = location.split("/")
    for end in range(len(parts) - 1, 0, -1):
        folder = "/".join(parts[:end])
        if not has_pattern(folder):
            break
        if fs.exists(folder):
            return "/".join([escaped(folder), *parts[end:]])
    return location


def as_read(fs: FileSystem, location: str) -> tuple[str, dict[str, str]]:
    """Return the path, and the options, by which Spark reads names as they are spelled."""
    if not has_pattern(location):
        return location, {}
    if fs.exists(location):
        # Spark's own switch, since Hadoop on Windows takes `\\` for a separator.
        return location, {"__globPaths__": "false"}
    return with_literal_start(fs, location), {}


def alternatives(pattern: str) -> Iterator[str]:
    """Yield the patterns that `{a,b}` stands for.

    >>> list(alternatives("/in/{a,b}.csv"))
    ['/in/a.csv', '/in/b.csv']
    """
    braces = _BRACES.search(pattern)
    if braces is None:
        yield pattern
        return
    for choice in braces[1].split(","):
        yield from alternatives(pattern[: braces.start()] + choice + pattern[braces.end() :])


def pattern_start(pattern: str) -> tuple[str, str]:
    """Return the folder in which a pattern begins, and the pattern below it.

    >>> pattern_start("/in/a*/b.csv"), pattern_start(r"/in\\[1\\]/b.csv")
    (('/in', 'a*/b.csv'), ('/in[1]/b.csv', ''))
    >>> pattern_start("Z:/*.csv")
    ('Z:/', '*.csv')
    """
    parts = pattern.split("/")
    for place, part in enumerate(parts):
        if _SPECIAL.search(_ESCAPED.sub("", part)):
            root = "/".join(parts[:place])
            if not root or _DRIVE.fullmatch(root):
                # A drive without a slash is its working folder.
                root += "/"
            return _ESCAPED.sub(r"\1", root), "/".join(parts[place:])
    return _ESCAPED.sub(r"\1", pattern), ""


def name_matches(name: str, pattern: str) -> bool:
    """Return whether a file's name matches a pattern.

    >>> name_matches("a.csv", "*.{csv,txt}"), name_matches("a.dat", "*.{csv,txt}")
    (True, False)
    """
    return any(fnmatch.fnmatchcase(name, as_glob(each)) for each in alternatives(pattern))


def as_glob(pattern: str) -> str:
    """Return a pattern in the spelling of Python's glob, which has no `\\`; `**` is `*` to Hadoop.

    >>> as_glob(r"a\\[1\\]*"), as_glob("[^a]?")
    ('a[[]1[]]*', '[!a]?')
    >>> as_glob("a**.csv")
    'a*.csv'
    """
    return _ESCAPED.sub(r"[\1]", _STARS.sub("*", pattern)).replace("[^", "[!")
