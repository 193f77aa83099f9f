"""Show local paths as the system writes them, and read relative ones as any system does."""

from __future__ import annotations

import os
import re

# From a drive to a sign that no name has, or to the next drive. Before it no letter, as in hdfs:/,
# and no slash, as in file:/C:/x.
_PATH = re.compile(r'(?<![A-Za-z0-9+./-])[A-Za-z]:/(?:(?![A-Za-z]:/)[^\n<>"|:])*')
# As Python quotes the path of an error of the system.
_QUOTED = re.compile(r"""(?<=')(?:\\{4}\?\\{2})?[A-Za-z]:\\{2}[^\n<>"|:']*(?=')""")
_LONG_FORM = re.compile(r"\\{2}\?\\(?=[A-Za-z]:)")


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
    r"""Return a text for a person, its absolute Windows paths with single backslashes.

    >>> print(with_native_paths("C:/home one/out: no, D:/x and hdfs://nn/y stay", "nt"))
    C:\home one\out: no, D:\x and hdfs://nn/y stay
    >>> print(with_native_paths(r"[WinError 5] denied: '\\\\?\\C:\\a b\\c'", "nt"))
    [WinError 5] denied: 'C:\a b\c'
    >>> print(with_native_paths("C:/x", "posix"))
    C:/x
    """
    if system != "nt":
        return text
    text = _QUOTED.sub(lambda path: path.group().replace("\\\\", "\\"), text)
    text = _LONG_FORM.sub("", text)
    return _PATH.sub(lambda path: path.group().replace("/", "\\"), text)
