"""Find the home of the working folder, and read its .env as Dagster's own commands do."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from orch_dagster.errors import SettingsError
from orch_dagster.files import STATE_DIR, real_path
from orch_dagster.shipped import SHIPPED

HOME = "ORCH_HOME"
DAGSTER_HOME = "DAGSTER_HOME"
ENV_FILE = ".env"
INSTANCE = Path(STATE_DIR, "dagster")

# `orch new` writes it into pyproject.toml, which goes with the project into git.
_MARK = re.compile(r"^\[tool\.orch\]", re.MULTILINE)
# In a wheel there is no clone.
_CLONE = SHIPPED if (SHIPPED / "orch_dagster").is_dir() else None


def find_home() -> Path | None:
    """Return the home of the working folder: the nearest going up, else the clone, else None.

    A home is what `orch new` or `orch init` made, or the clone itself.
    """
    try:
        here = Path.cwd()
    except FileNotFoundError:
        return _CLONE
    return next((each for each in (here, *here.parents) if is_home(each)), _CLONE)


def is_home(folder: Path) -> bool:
    """Return whether a folder is a project or another home."""
    # Unlike Path.is_dir, it takes a folder that this user can't read for none.
    has_state = os.path.isdir(folder / STATE_DIR)  # noqa: PTH112
    return folder == _CLONE or has_state or _is_project(folder)


def _is_project(folder: Path) -> bool:
    try:
        text = (folder / "pyproject.toml").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        # Missing, or not readable by us: not a project that we could use.
        return False
    return bool(_MARK.search(text))


def load_env_file() -> None:
    """Set the variables of the home's .env in this process, as Dagster's commands do.

    A plain value replaces that of the environment, and `NAME=${NAME:-value}` is a default.

    Raises:
        SettingsError: If the file can't be read.
    """
    given = os.environ.get(HOME)
    home = Path(given).expanduser() if given else find_home()
    if home and home.is_absolute() and (home / ENV_FILE).is_file():
        os.environ |= _values(home)


def _values(home: Path) -> Mapping[str, str]:
    # Imported late, as many commands find no such file.
    from dotenv import dotenv_values

    file = home / ENV_FILE
    try:
        values = dotenv_values(file, encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        # PowerShell 5 writes UTF-16 by `>`.
        fault = error.strerror if isinstance(error, OSError) else f"{error}; save it as UTF-8"
        raise SettingsError(f"{file} can't be read: {fault}") from error
    # The home is known by now.
    taken = {name: value for name, value in values.items() if value is not None and name != HOME}
    instance = taken.get(DAGSTER_HOME)
    if instance and (names_another_home(instance, home) or not Path(instance).is_dir()):
        # The home of which this one is a copy, or a folder that is not there: not this instance.
        del taken[DAGSTER_HOME]
    return taken


def names_another_home(dagster_home: str, home: Path) -> bool:
    """Return whether a DAGSTER_HOME is the instance of another home than this one."""
    path = Path(dagster_home)
    return path.parts[-2:] == INSTANCE.parts and path != real_path(home) / INSTANCE


def folder_that_names(home: Path) -> Path | None:
    """Return the home of the working folder if its .env names this other one: it was copied."""
    here = find_home()
    if here is None or here == home or not (here / ENV_FILE).is_file():
        return None
    from dotenv import dotenv_values

    named = dotenv_values(here / ENV_FILE, interpolate=False, encoding="utf-8").get(HOME) or ""
    default = f"${{{HOME}:-{home.as_posix()}}}"
    return here if named in (home.as_posix(), default) else None
