"""ORCH_CONTROL_URL to a store."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from orch_dagster.control.sql import SqlStore
from orch_dagster.control.store import ControlStore
from orch_dagster.errors import SettingsError

_FORMS = "sqlite:///FILE or postgresql+psycopg://USER@HOST/DATABASE"


def open_store(url: str, home: Path) -> ControlStore:
    """The store of that URL; nothing is connected before the first call.

    Args:
        url: Such as ``sqlite:///.orch/control.db``; its relative paths start at home.
        home: ORCH_HOME.

    Raises:
        SettingsError: The URL is of no known form.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise SettingsError(f"ORCH_CONTROL_URL: {url!r} is not a URL; it takes {_FORMS}") from error
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        if not parsed.database or parsed.database == ":memory:":
            raise SettingsError(f"ORCH_CONTROL_URL: {url!r} names no file; it takes {_FORMS}")
        return SqlStore(parsed.set(database=str(home / parsed.database)))
    if backend == "postgresql":
        return SqlStore(parsed)
    raise SettingsError(f"ORCH_CONTROL_URL: {backend!r} is no known store; it takes {_FORMS}")
