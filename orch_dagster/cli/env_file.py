"""Keep in a home's .env what Dagster's own commands, and later orch commands, need to know."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from orch_dagster.cli.output import say
from orch_dagster.files import write_atomically
from orch_dagster.home import DAGSTER_HOME, ENV_FILE, HOME, names_another_home
from orch_dagster.settings import REPOSITORY, Settings

_CONTROL_URL = "ORCH_CONTROL_URL"
# As it is written here: a default, which the environment replaces.
_DEFAULT = re.compile(r"(?P<name>\w+)=\$\{(?P=name):-(?P<value>.*)\}")
_PGPASS = r"%APPDATA%\postgresql\pgpass.conf" if sys.platform == "win32" else "~/.pgpass"
_PASSWORDS = ("password", "sslpassword", "passfile")


def write_env_file(settings: Settings) -> None:
    """Add to the home's .env what is missing, and correct its defaults; leave all else.

    DAGSTER_HOME and ORCH_HOME name this home: a folder that was moved or copied named another.
    ORCH_CONTROL_URL is kept if it is set, without a password.
    """
    env = settings.home / ENV_FILE
    # As Dagster's commands read it, without the byte order mark of Windows editors.
    before = env.read_text(encoding="utf-8-sig").splitlines() if env.is_file() else []
    lines = {_name(line): line for line in before}
    after = list(before)
    for name, value in _wanted(settings):
        line = f"{name}=${{{name}:-{value}}}"
        old = lines.get(name)
        if old is None:
            after.append(line)
        elif old != line and _is_outdated(name, old, settings):
            after[after.index(old)] = line
            say(f"{env}: {old} is now {line}")
    if after != before:
        write_atomically(env, "\n".join(after) + "\n")
    say(f"Dagster instance {settings.dagster_home}, named in {env}")


def _name(line: str) -> str:
    return line.partition("=")[0].removeprefix("export ").strip()


def _wanted(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield each variable to keep, with its value."""
    yield DAGSTER_HOME, settings.dagster_home.as_posix()
    if settings.home != REPOSITORY:
        yield HOME, settings.home.as_posix()
    if not os.environ.get(_CONTROL_URL):
        return
    url, has_password = _without_password(settings.control_url)
    if "}" in url:
        say(f"warning: {_CONTROL_URL} has a '}}', so it is not kept in {ENV_FILE}", err=True)
        return
    if has_password:
        say(
            f"{_CONTROL_URL} is kept in {ENV_FILE} without its password: give that to later "
            f"commands by PGPASSWORD or {_PGPASS}, or in the variable itself"
        )
    yield _CONTROL_URL, url


def _is_outdated(name: str, line: str, settings: Settings) -> bool:
    """Return whether a line is a default of an earlier `orch init` that is not right any more."""
    default = _DEFAULT.fullmatch(line)
    if default is None:
        return False
    return name != DAGSTER_HOME or names_another_home(default["value"], settings.home)


def _without_password(url: str) -> tuple[str, bool]:
    """Return a store's URL without passwords, and whether it had any."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # Of another form than SQLAlchemy's: a list of Kudu's masters, which has no password.
        return url, False
    # URL.set takes None for no change.
    bare = parsed._replace(password=None).difference_update_query(_PASSWORDS)
    if bare == parsed:
        return url, False
    return bare.render_as_string(hide_password=False), True
