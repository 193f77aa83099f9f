"""Tell which paths can't be used on Windows: by cmd, by Java, or as they are too long. Pure."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from framework.contract.native_paths import quoted_path
from framework.contract.windows_names import SERVER_FAULT

# MAX_PATH without its end.
MOST_CHARACTERS = 259
# Below ORCH_HOME: params\<run id>\<job name>.messages.jsonl, and Dagster's own files.
_BELOW_HOME = 130
_READ_BY_CMD = re.compile(r'[&|<>^%!"\r\n]')
# Spark's scripts expand these paths within blocks, which a parenthesis ends.
_READ_IN_BLOCKS = re.compile(r'[&|<>^%!"\r\n()]')


@dataclass(frozen=True)
class UsedPath:
    """A path that Spark's scripts for Windows are given.

    Attributes:
        name: What it is, such as SPARK_HOME.
        path: The path.
        is_in_blocks: Whether the scripts expand it themselves.
        is_in_home: Whether it lies in the home, whose files Hadoop reads too.
        below: How many characters follow it in the longest path that is started or opened.
    """

    name: str
    path: str
    is_in_blocks: bool = False
    is_in_home: bool = False
    below: int = 0


def spark_home_path(path: str) -> UsedPath:
    """Return the folder of Spark."""
    return UsedPath("SPARK_HOME", path, is_in_blocks=True, below=len("/bin/spark-submit2.cmd"))


def java_home_path(path: str) -> UsedPath:
    """Return the folder of Java."""
    return UsedPath("JAVA_HOME", path, is_in_blocks=True, below=len("/bin/java.exe"))


def path_faults(paths: Iterable[UsedPath]) -> Iterator[str]:
    """Yield a sentence for each path with which Spark's scripts would not start a job.

    >>> faults = path_faults((spark_home_path("C:/Program Files (x86)/spark"),))
    >>> print(next(faults).partition(",")[0])
    SPARK_HOME: 'C:/Program Files (x86)/spark' holds '('
    """
    for each in paths:
        pattern = _READ_IN_BLOCKS if each.is_in_blocks else _READ_BY_CMD
        if special := pattern.search(each.path):
            fault = f"holds {special.group()!r}, which Windows' cmd would interpret"
        elif unknown := outside_code_page(each.path):
            fault = f"holds {unknown!r}, which is not in the code page of this Windows"
        elif each.is_in_home and each.path.startswith(("\\\\", "//")):
            yield f"{each.name}: {quoted_path(each.path)} {SERVER_FAULT}"
            continue
        elif len(each.path) + each.below > MOST_CHARACTERS:
            fault = (
                f"has {len(each.path)} characters, more than the {MOST_CHARACTERS - each.below} "
                "with which Windows starts a program"
            )
        else:
            continue
        yield f"{each.name}: {quoted_path(each.path)} {fault}: move or rename it"


def home_fault(path: str, *, has_long_paths: bool) -> str | None:
    """Return why a home's path is too long, None if it is not.

    >>> home_fault("C:/orch", has_long_paths=False) is None
    True
    """
    most = MOST_CHARACTERS - _BELOW_HOME
    if has_long_paths or len(path) <= most:
        return None
    return (
        f"has {len(path)} characters, and Windows takes paths of {MOST_CHARACTERS}: choose a "
        f"folder of at most {most}, or switch long paths on (as an administrator in PowerShell: "
        "Set-ItemProperty HKLM:\\SYSTEM\\CurrentControlSet\\Control\\FileSystem "
        "LongPathsEnabled 1)"
    )


if sys.platform == "win32":
    import winreg

    _FILE_SYSTEM = r"SYSTEM\CurrentControlSet\Control\FileSystem"

    def long_paths_enabled() -> bool:
        """Return whether this Windows takes paths of more than 260 characters."""
        try:
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, _FILE_SYSTEM) as key:
                return bool(winreg.QueryValueEx(key, "LongPathsEnabled")[0])
        except FileNotFoundError:
            return False

    def outside_code_page(text: str) -> str | None:
        """Return the first character that Java's command line can't hold, None if it can all."""
        for character in text:
            try:
                character.encode("mbcs", errors="strict")
            except UnicodeEncodeError:
                return character
        return None

else:

    def long_paths_enabled() -> bool:
        """Return True: no other system has that limit."""
        return True

    def outside_code_page(text: str) -> str | None:  # noqa: ARG001
        """Return None: the limit is Windows'."""
        return None
