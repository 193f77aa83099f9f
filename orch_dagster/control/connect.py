"""Open the store that ORCH_CONTROL_URL names."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from orch_dagster.control.kudu.address import KUDU_FORM, parse_address
from orch_dagster.control.sql import SqlStore
from orch_dagster.control.store import ControlStore
from orch_dagster.errors import SettingsError
from orch_dagster.settings import Settings

_FORMS = f"sqlite:///FILE, postgresql+psycopg://USER@HOST/DATABASE or {KUDU_FORM}"


@contextmanager
def opened_store(settings: Settings) -> Generator[ControlStore]:
    """Open the control store of the settings, and close it at the end.

    Raises:
        SettingsError: ORCH_CONTROL_URL is of no known form, or its driver is not installed.
    """
    with closing(open_store(settings.control_url, settings.home)) as store:
        yield store


def store_file(settings: Settings) -> Path | None:
    """Return the file of a store in SQLite, None for any other store."""
    try:
        parsed = make_url(settings.control_url)
    except (ArgumentError, ValueError):
        return None
    is_file = parsed.get_backend_name() == "sqlite" and parsed.database
    return settings.home / str(parsed.database) if is_file else None


def open_store(url: str, home: Path) -> ControlStore:
    """Return the store of a URL; it connects at its first call.

    Args:
        url: Such as ``sqlite:///.orch/control.db``; its relative paths start at home.
        home: ORCH_HOME.

    Raises:
        SettingsError: If the URL has an unknown form, or its driver is not installed.
    """
    if url.startswith("kudu:"):
        from orch_dagster.control.kudu.store import KuduStore

        return KuduStore(parse_address(url), home)
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        # The text may hold a password, so it is not repeated.
        raise SettingsError(
            f"ORCH_CONTROL_URL can't be read as a URL; it takes {_FORMS}"
        ) from error
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        if not parsed.database or parsed.database == ":memory:":
            raise SettingsError(f"ORCH_CONTROL_URL: {url!r} names no file; it takes {_FORMS}")
        if "?" in url:
            raise SettingsError(
                f"ORCH_CONTROL_URL: {url!r} has a '?', which ends the path in a URL: choose a file "
                f"without one"
            )
        parsed = parsed.set(database=str(home / parsed.database))
    elif backend != "postgresql":
        raise SettingsError(
            f"ORCH_CONTROL_URL: {backend!r} is not a known store; it takes {_FORMS}"
        )
    try:
        return SqlStore(parsed)
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        is_plain = parsed.drivername == "postgresql+psycopg"
        remedy = 'pip install "orch_dagster[postgres]"' if is_plain else f"it takes {_FORMS}"
        raise SettingsError(
            f"ORCH_CONTROL_URL: no driver for {parsed.drivername} ({error}); {remedy}"
        ) from error
