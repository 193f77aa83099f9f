"""The stores that the contract suite runs on: a new driver adds its factory to STORES.

A factory gives a fresh, empty place for one test, and what the suite cannot do through the
protocol: make tables as older versions left them, make the store refuse a row, take it away.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import NoReturn

import pytest
import sqlalchemy as sa

from orch_dagster.control import sql
from orch_dagster.control.connect import open_store
from orch_dagster.control.kudu.address import Driver, parse_address
from orch_dagster.control.kudu.connect import open_driver
from orch_dagster.control.kudu.driver import KuduDriver, TableShape
from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import TABLES, Kind, Row, Table
from tests.kudu_cluster import KuduCluster


class StorePlace(ABC):
    """Where a store of one kind keeps the tables of one test."""

    url: str
    home: Path

    def open(self) -> ControlStore:
        """A store on this place; the test closes it."""
        return open_store(self.url, self.home)

    def with_tables(self) -> ControlStore:
        """A store on this place, its five tables there and empty; the test closes it."""
        store = self.open()
        store.ensure_tables()
        return store

    def close(self) -> None:  # noqa: B027 - most have nothing to let go of
        """Let go of what the place itself holds."""

    @abstractmethod
    def create(self, table: Table, keys: Sequence[str] | None = None) -> None:
        """Make a table of just these columns, with another key where one is given."""

    @abstractmethod
    def put(self, table: Table, row: Row) -> None:
        """Write a row past the protocol."""

    @abstractmethod
    def columns(self, table: Table) -> set[str]:
        """The columns that the table has now."""

    @abstractmethod
    def refuse(self, table: Table, column: str, value: str) -> None:
        """Make the store itself fail on a row with this value; skips where it cannot."""

    @abstractmethod
    def away(self) -> AbstractContextManager[ControlStore]:
        """A store that was reached before and answers no write now."""


class SqlPlace(StorePlace):
    """What SQLite and Postgres share."""

    def __init__(self, url: str, home: Path) -> None:
        self.url = url
        self.home = home

    def _run(self, statement: str, **values: object) -> None:
        engine = self._engine()
        with engine.begin() as connection:
            connection.execute(sa.text(statement), values)
        engine.dispose()

    def _engine(self) -> sa.Engine:
        return sa.create_engine(self.url)

    def create(self, table: Table, keys: Sequence[str] | None = None) -> None:
        kinds = {
            Kind.INTEGER: "BIGINT",
            Kind.TIMESTAMP: "BIGINT",
            Kind.DOUBLE: "DOUBLE PRECISION",
        }
        columns = [f"{column.name} {kinds.get(column.kind, 'TEXT')}" for column in table.columns]
        key = ", ".join(keys or table.keys)
        self._run(f"CREATE TABLE {table.name} ({', '.join(columns)}, PRIMARY KEY ({key}))")

    def put(self, table: Table, row: Row) -> None:
        names = ", ".join(row)
        marks = ", ".join(f":{name}" for name in row)
        self._run(f"INSERT INTO {table.name} ({names}) VALUES ({marks})", **row)

    def columns(self, table: Table) -> set[str]:
        engine = self._engine()
        try:
            return {column["name"] for column in sa.inspect(engine).get_columns(table.name)}
        finally:
            engine.dispose()


class SqlitePlace(SqlPlace):
    """A file in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        super().__init__("sqlite:///.orch/control.db", folder)
        self.file = folder / ".orch" / "control.db"

    def _engine(self) -> sa.Engine:
        self.file.parent.mkdir(exist_ok=True)
        return sa.create_engine(f"sqlite:///{self.file}")

    def refuse(self, table: Table, column: str, value: str) -> None:
        assert value.isalnum()
        self._run(
            f"CREATE TRIGGER refuse BEFORE INSERT ON {table.name} WHEN NEW.{column} = '{value}' "
            f"BEGIN SELECT RAISE(ABORT, 'refused by the test'); END"
        )

    @contextmanager
    def away(self) -> Iterator[ControlStore]:
        with pytest.MonkeyPatch.context() as patch:
            # As locked as ever, but found out in less than the ten seconds that a user waits.
            patch.setattr(sql, "_BUSY_TIMEOUT_S", 0.2)
            store = self.open()
        store.ensure_tables()
        holder = sqlite3.connect(self.file, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        try:
            yield store
        finally:
            holder.execute("ROLLBACK")
            holder.close()
            store.close()


class PostgresServer:
    """A real server on a free loopback port, in a folder of its own."""

    def __init__(self, binaries: Path) -> None:
        self._binaries = binaries
        self.folder = Path(tempfile.mkdtemp(prefix="orch-pg-"))
        self._as_user: list[str] = []
        if os.geteuid() == 0:
            # Postgres refuses to run as root. There is no pwd on Windows.
            import pwd

            user = pwd.getpwnam("nobody")
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            ids = [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
            self._as_user = ["setpriv", *ids]
        data = str(self.folder / "data")
        # Sorts as people do, unlike the contract: order must not come from the server's locale.
        locale = ["--locale-provider=icu", "--icu-locale=en"]
        common = ["initdb", "-D", data, "-U", "orch", "-A", "trust", "-E", "UTF8", "--no-sync"]
        self._call([*common, *locale])
        self.port = _free_port()
        self._data = data
        self._process = self._started()

    def _call(self, command: list[str]) -> None:
        name, *arguments = command
        whole = [*self._as_user, str(self._binaries / name), *arguments]
        done = subprocess.run(
            whole, cwd=self.folder, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def _started(self) -> subprocess.Popen[bytes]:
        command = ["-D", self._data, "-k", str(self.folder), "-h", "127.0.0.1"]
        command += ["-p", str(self.port), "-c", "fsync=off", "-c", "log_min_messages=panic"]
        process = subprocess.Popen(
            [*self._as_user, str(self._binaries / "postgres"), *command], cwd=self.folder
        )
        until = time.monotonic() + 60
        while True:
            try:
                self.run("SELECT 1")
                return process
            except sa.exc.OperationalError:
                assert process.poll() is None, "postgres ended"
                assert time.monotonic() < until, "postgres did not answer in 60 s"
                time.sleep(0.05)

    def url(self, database: str) -> str:
        """With a password, which the server does not ask for, so that tests can look for it."""
        return f"postgresql+psycopg://orch:s3cret@127.0.0.1:{self.port}/{database}"

    def run(self, statement: str) -> None:
        """Run one statement outside any transaction."""
        engine = sa.create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                connection.execute(sa.text(statement))
        finally:
            engine.dispose()

    def stop(self) -> None:
        """End it at once, as a crash would."""
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(30)

    def start(self) -> None:
        """Start it again, on the same port and data."""
        self._process = self._started()

    def close(self) -> None:
        """Stop it and take its folder away."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class PostgresPlace(SqlPlace):
    """A database of its own on the suite's server."""

    def __init__(self, server: PostgresServer, home: Path) -> None:
        self._server = server
        self._database = f"t_{uuid.uuid4().hex}"
        server.run(f"CREATE DATABASE {self._database}")
        super().__init__(server.url(self._database), home)

    def refuse(self, table: Table, column: str, value: str) -> None:
        self._run(f"ALTER TABLE {table.name} ADD CHECK ({column} IS DISTINCT FROM '{value}')")

    @contextmanager
    def away(self) -> Iterator[ControlStore]:
        store = self.open()
        store.ensure_tables()
        self._server.stop()
        try:
            yield store
        finally:
            self._server.start()
            store.close()


class KuduPlace(StorePlace):
    """The tables of a cluster that the suite shares: whatever was there goes first."""

    def __init__(self, cluster: KuduCluster, driver: Driver, home: Path) -> None:
        self._cluster = cluster
        self.url = f"{cluster.url}?driver={driver}"
        self.home = home
        self._driver: KuduDriver = open_driver(parse_address(self.url), driver, home)
        self._is_clear = False

    def close(self) -> None:
        self._driver.close()

    def _clear(self) -> None:
        if not self._is_clear:
            self._cluster.drop_tables(self.home)
        self._is_clear = True

    def open(self) -> ControlStore:
        self._clear()
        return super().open()

    def with_tables(self) -> ControlStore:
        # To create tables takes long with three replicas: those of the test before are emptied.
        if all(_is_ours(self._driver.shape(table.name), table) for table in TABLES):
            self._is_clear = True
            store = super().open()
            for table in TABLES:
                store.delete(table, store.read(table, columns=table.keys))
            return store
        return super().with_tables()

    def create(self, table: Table, keys: Sequence[str] | None = None) -> None:
        self._clear()
        # Kudu wants its key columns first.
        keys = keys or table.keys
        columns = [replace(column, key=column.name in keys) for column in table.columns]
        columns.sort(key=lambda column: keys.index(column.name) if column.key else len(keys))
        self._driver.create(replace(table, columns=tuple(columns)), hash_buckets=0, replicas=1)

    def put(self, table: Table, row: Row) -> None:
        assert self._driver.write(table.name, "upsert", [row]) == []

    def columns(self, table: Table) -> set[str]:
        self._driver.forget()
        shape = self._driver.shape(table.name)
        assert shape is not None
        return {*shape.types}

    def refuse(self, table: Table, column: str, value: str) -> None:
        pytest.skip("Kudu has no rule by which a test could make it refuse one row")

    @contextmanager
    def away(self) -> Iterator[ControlStore]:
        self.with_tables().close()
        store = open_store(f"{self.url}&timeout_s=2", self.home)
        store.read(TABLES[0])
        for index in range(len(self._cluster.tservers)):
            self._cluster.stop("TSERVER", index)
        try:
            yield store
        finally:
            for index in range(len(self._cluster.tservers)):
                self._cluster.start("TSERVER", index)
            store.close()


def _is_ours(shape: TableShape | None, table: Table) -> bool:
    return shape is not None and (shape.keys, [*shape.types]) == (table.keys, [*table.names])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@cache
def postgres_binaries() -> Path | None:
    """The folder of the newest initdb and postgres."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: path.parts)
    on_path = shutil.which("initdb")
    candidates = [*reversed(found), *([Path(on_path).resolve()] if on_path else [])]
    return next((path.parent for path in candidates if (path.parent / "postgres").exists()), None)


def _not_here(reason: str) -> NoReturn:
    """Skip the test; in CI, where every service has to be there, fail it."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def need_postgres() -> Path:
    """The folder of Postgres's programs; skips without them, which in CI fails."""
    if importlib.util.find_spec("psycopg") is None:
        _not_here("no Postgres driver: pip install 'orch_dagster[postgres]'")
    binaries = postgres_binaries()
    if binaries is None:
        _not_here("no Postgres server: apt-get install postgresql")

    return binaries


def sqlite_place(request: pytest.FixtureRequest) -> StorePlace:
    """The embedded store."""
    return SqlitePlace(request.getfixturevalue("tmp_path"))


def postgres_place(request: pytest.FixtureRequest) -> StorePlace:
    """Postgres, where it and its driver are installed."""
    need_postgres()
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return PostgresPlace(server, request.getfixturevalue("tmp_path"))


def kudu_place(fixture: str, driver: Driver) -> Callable[[pytest.FixtureRequest], StorePlace]:
    """Kudu by one of its drivers, on the cluster of that fixture."""

    def place(request: pytest.FixtureRequest) -> StorePlace:
        if driver == "native" and importlib.util.find_spec("kudu") is None:
            pytest.skip(
                "kudu-python is not installed: it is built against libkudu_client, which no "
                "package registry has"
            )
        cluster: KuduCluster = request.getfixturevalue(fixture)
        return KuduPlace(cluster, driver, request.getfixturevalue("tmp_path"))

    return place


STORES: dict[str, Callable[[pytest.FixtureRequest], StorePlace]] = {
    "sqlite": sqlite_place,
    "postgres": postgres_place,
    "kudu-jvm": kudu_place("kudu", "jvm"),
    "kudu-jvm-3-masters": kudu_place("kudu_of_three", "jvm"),
    "kudu-native": kudu_place("kudu", "native"),
}
