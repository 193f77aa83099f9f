"""Find the characters in a folder's path that Spark, Hadoop or Dagster take for something else."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

from orch_dagster.errors import SettingsError
from orch_dagster.settings import Settings

# Signs of a pattern to Hadoop, also where spark-submit is given a file.
_PATTERN = r"*?\[\]{}\\"
# Besides: the ends of a path in a URL, of a name in Spark's lists, and of a scheme.
_IN_LISTS_AND_URLS = _PATTERN + "#,:"
# Dagster opens its SQLite files by URL, which decodes %2F.
_CODE = re.compile("%[0-9A-Fa-f]{2}")
_CONTROL = re.compile("[\x00-\x1f\x7f\x85\u2028\u2029\ud800-\udfff]")
_DRIVE = re.compile(r"[A-Za-z]:")


def folder_fault(path: str, *, is_home: bool, platform: str = sys.platform) -> str | None:
    """Return why no job can run in or from a folder, None if nothing in its path is in the way.

    >>> folder_fault("/data/a#b", is_home=True, platform="linux")
    "has '#' in its path"
    >>> folder_fault("C:\\\\data\\\\orch home", is_home=True, platform="win32") is None
    True

    Args:
        path: The absolute path.
        is_home: Whether Spark is given files of it, and Dagster's instance is in it; data is read
            by path alone.
        platform: As sys.platform has it.
    """
    is_windows = platform == "win32"
    if is_windows:
        path = _DRIVE.sub("", path, count=1).replace("\\", "/")
    signs = _IN_LISTS_AND_URLS if is_home else _PATTERN + ":"
    # A class path of Windows is separated by it.
    found = re.findall(f"[{signs}{';' if is_windows else ''}]", path)
    found += _CODE.findall(path) if is_home else []
    found += _CONTROL.findall(path)
    if found:
        return f"has {', '.join(map(repr, dict.fromkeys(found)))} in its path"
    if is_windows and any(part.rstrip(". ") != part for part in path.split("/")):
        return "has a folder whose name ends in a dot or a space, which Windows drops"
    return None


def folder_faults(settings: Settings, platform: str = sys.platform) -> Iterator[str]:
    """Yield a sentence for each folder of the settings from which no job could run."""
    folders = [
        ("ORCH_HOME", str(settings.home), True),
        ("ORCH_JOBS_DIR", str(settings.jobs_dir), True),
    ]
    if "://" not in settings.base_dir and settings.data_root:
        folders.append(("ORCH_DATA_ROOT", settings.base_dir, False))
    for variable, path, is_home in folders:
        if fault := folder_fault(path, is_home=is_home, platform=platform):
            yield (
                f"{variable}: {path!r} {fault}, which Spark or Dagster takes for something else "
                f"than a name: choose a folder without"
            )


def check_folders(settings: Settings) -> None:
    """Refuse folders from which no job could run.

    Raises:
        SettingsError: If there are any; names each.
    """
    if faults := list(folder_faults(settings)):
        raise SettingsError("; ".join(faults))
