"""Show local paths as the system writes them, and read relative ones as any system does."""

from __future__ import annotations

import os
import re

# From a drive to a sign that no name has, or to the next drive. Before it no letter, as in hdfs:/.
_PATH = re.compile(r'(?<![A-Za-z0-9+.-])[A-Za-z]:/(?:(?![A-Za-z]:/)[^\n<>"|:])*')


def portable(path: str) -> str:
    r"""Return a relative path with the slashes that every system reads, whoever wrote it.

    A row that was written on Windows may be run in a container of a cluster.

    >>> portable(r"lnd\a.hql"), portable("lnd/a.hql")
    ('lnd/a.hql', 'lnd/a.hql')
    """
    return path.replace("\\", "/")


def quoted_path(path: str) -> str:
    r"""Return a path in quotes for a message; a backslash stays one.

    >>> print(quoted_path(r"C:\a b"))
    'C:\a b'
    """
    return repr(path).replace("\\\\", "\\")


def with_native_paths(text: str, system: str = os.name) -> str:
    r"""Return a text for a person, its absolute Windows paths with backslashes.

    >>> print(with_native_paths("C:/home one/out: no, D:/x and hdfs://nn/y stay", "nt"))
    C:\home one\out: no, D:\x and hdfs://nn/y stay
    >>> print(with_native_paths("C:/x", "posix"))
    C:/x
    """
    if system != "nt":
        return text
    return _PATH.sub(lambda path: path.group().replace("/", "\\"), text)
