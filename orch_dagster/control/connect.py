"""Open the store that ORCH_CONTROL_URL names."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from orch_dagster.control.kudu.address import KUDU_FORM, parse_address
from orch_dagster.control.sql import SqlStore
from orch_dagster.control.store import ControlStore
from orch_dagster.errors import SettingsError
from orch_dagster.settings import Settings

_POSTGRES_PORT = 5432
# Of a URL's query: what may tell where the tables are.
_PLACES = ("host", "port", "dbname", "service", "options")
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


def store_identity(url: str, home: Path) -> str:
    """Return what names a store, however its URL spells it and whoever connects.

    Two of one text are one store; it holds neither a login nor options of the connection.

    >>> store_identity("postgresql+psycopg://etl:p%40ss@DB.example/orch?sslmode=require", Path("/"))
    'postgresql://db.example:5432/orch'
    >>> store_identity("kudu://b,a:7051?driver=jvm", Path("/"))
    'kudu://a:7051,b:7051'

    Args:
        url: As for open_store.
        home: As for open_store.

    Raises:
        SettingsError: If the URL can't be read.
    """
    if url.startswith("kudu:"):
        return f"kudu://{','.join(sorted(parse_address(url).masters))}"
    parsed = _parsed(url)
    if parsed.get_backend_name() == "sqlite":
        return f"sqlite:///{home / (parsed.database or '')}"
    query = {name: parsed.query[name] for name in _PLACES if name in parsed.query}
    host = (parsed.host or "").lower() or None
    port = parsed.port or (_POSTGRES_PORT if host else None)
    # A login's own database is the one of its name.
    is_named = parsed.database or {"dbname", "service"} & query.keys()
    database = parsed.database if is_named else parsed.username
    identity = URL.create(
        parsed.get_backend_name(), host=host, port=port, database=database, query=query
    )
    return identity.render_as_string()


def _parsed(url: str) -> URL:
    try:
        return make_url(url)
    except (ArgumentError, ValueError) as error:
        # The text may hold a password, so it is not repeated.
        raise SettingsError(
            f"ORCH_CONTROL_URL can't be read as a URL; it takes {_FORMS}"
        ) from error


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
    parsed = _parsed(url)
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
