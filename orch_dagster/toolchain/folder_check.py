"""Check the folders of a home: signs in their paths that Spark or Dagster misreads, and rights."""

from __future__ import annotations

import re
import shlex
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal

from framework.contract.native_paths import quoted_path
from framework.contract.paths import is_local
from framework.contract.windows_names import SERVER_FAULT, git_bash_fault, windows_path_fault
from orch_dagster.errors import SettingsError
from orch_dagster.settings import Settings
from orch_dagster.toolchain.windows_paths import home_fault, long_paths_enabled

Kind = Literal["home", "jobs", "data"]

# Hadoop takes a path that it lists for a pattern (these but :) or for a URL with a scheme (:).
_DATA_SIGNS = r"*?\[\]{}\\:"
_SIGNS: Mapping[Kind, str] = {
    # Spark is given files of it, in lists (,) and as URLs (#), and Dagster's instance is in it.
    "home": _DATA_SIGNS + "#,",
    # spark-submit cuts off the path of a script.
    "jobs": "#",
    "data": _DATA_SIGNS,
}
# Dagster opens its SQLite files by URL, which decodes %2F.
_CODE = re.compile("%[0-9A-Fa-f]{2}")
_CONTROL = re.compile("[\x00-\x1f\x7f\x85\u2028\u2029\ud800-\udfff]")
_DRIVE = re.compile(r"[A-Za-z]:")


def folder_fault(path: str, kind: Kind, platform: str = sys.platform) -> str | None:
    """Return why no job can run in or from a folder, None if nothing in its path is in the way.

    >>> folder_fault("/data/a#b", "home", "linux")
    "has '#' in its path, which Spark or Dagster takes for something else than a name: choose a \
folder without"
    >>> folder_fault("C:/data/orch home", "home", "win32") is None
    True

    Args:
        path: The absolute path.
        kind: The use of the folder.
        platform: As sys.platform has it.
    """
    is_windows = platform == "win32"
    whole = path
    if is_windows:
        path = _DRIVE.sub("", path, count=1).replace("\\", "/")
    # A class path of Windows is separated by it.
    signs = _SIGNS[kind] + (";" if is_windows else "")
    # Files of both are arguments of spark-submit.cmd.
    if is_windows and kind != "data":
        signs += "&^%!"
    found = re.findall(f"[{signs}]", path)
    found += _CODE.findall(path) if kind == "home" else []
    found += _CONTROL.findall(path)
    if found:
        return (
            f"has {', '.join(map(repr, dict.fromkeys(found)))} in its path, which Spark or Dagster "
            "takes for something else than a name: choose a folder without"
        )
    fault = windows_path_fault(whole) if is_windows else None
    # Scripts are read by Python, which takes a server's folder.
    return None if kind == "jobs" and fault == SERVER_FAULT else fault


def folder_faults(settings: Settings, platform: str = sys.platform) -> Iterator[str]:
    """Yield a sentence for each folder of the settings from which no job could run."""
    folders: list[tuple[str, str, Kind]] = [
        ("ORCH_HOME", str(settings.home), "home"),
        ("ORCH_JOBS_DIR", str(settings.jobs_dir), "jobs"),
    ]
    if is_local(settings.base_dir) and settings.data_root:
        folders.append(("ORCH_DATA_ROOT", settings.base_dir, "data"))
    if platform == "win32" and (
        fault := home_fault(str(settings.home), has_long_paths=long_paths_enabled())
    ):
        yield f"ORCH_HOME: {quoted_path(str(settings.home))} {fault}"
    if platform == "win32" and (fault := git_bash_fault(settings.data_root)):
        yield f"ORCH_DATA_ROOT: {quoted_path(settings.data_root)} {fault}"
    for variable, path, kind in folders:
        if fault := folder_fault(path, kind, platform):
            yield f"{variable}: {quoted_path(path)} {fault}"


def open_to_others(folders: Iterable[Path], files: Iterable[Path]) -> Iterator[str]:
    """Yield a sentence for each of these, if it is there, that other users of the machine can use.

    Always empty on Windows, where a folder inherits who may use it.
    """
    if sys.platform == "win32":
        return
    for paths, right in ((folders, "700"), (files, "600")):
        for path in paths:
            try:
                mode = stat.S_IMODE(path.stat().st_mode)
            except OSError:
                # Missing, or out of this user's reach: other checks name it.
                continue
            if mode & 0o077:
                yield (
                    f"other users may read or change {path} (mode {mode:o}), which holds what only "
                    f"its owner should see: chmod {right} {shlex.quote(str(path))}"
                )


def check_folders(settings: Settings) -> None:
    """Refuse folders from which no job could run.

    Raises:
        SettingsError: If there are any; names each.
    """
    if faults := list(folder_faults(settings)):
        raise SettingsError("; ".join(faults))
