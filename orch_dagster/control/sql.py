"""The control tables in SQLite or Postgres, through SQLAlchemy Core."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event, exc
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, Connection, Engine
from typing_extensions import override

from orch_dagster.control.legacy_key import refuse_second_parents
from orch_dagster.control.sql_errors import explained
from orch_dagster.control.sql_tables import sql_tables
from orch_dagster.control.store import ControlStore, Where, without_columns
from orch_dagster.control.stored_rows import BadRow, StoredRows, row_judge, split_rows
from orch_dagster.control.tables import JOB_DEPENDENCY, TABLES, Table, Value, check_rows
from orch_dagster.errors import PermanentStoreError
from orch_dagster.files import create_private

# SQLite allows 32,766 variables in a statement; the widest table has 13 columns.
_ROWS_PER_STATEMENT = 1_000
_BUSY_TIMEOUT_S = 10.0


class SqlStore(ControlStore):
    """A ControlStore on any database with a SQLAlchemy dialect and ON CONFLICT."""

    def __init__(self, url: URL) -> None:
        self._url = url
        self._tables = sql_tables()
        self._engine = _engine(url)
        self._complete: set[str] = set()
        is_file = url.get_backend_name() == "sqlite" and url.database
        self._folder = Path(url.database or "").parent if is_file else None

    @property
    def address(self) -> str:
        """The URL with its password hidden, and without those of its query."""
        hidden = [key for key in self._url.query if "password" in key or "secret" in key]
        return self._url.difference_update_query(hidden).render_as_string(hide_password=True)

    @property
    @override
    def shown(self) -> str:
        """The address; that of a file with its path as a person writes it."""
        return self.address if self._folder is None else f"sqlite:///{self._url.database}"

    @override
    def ensure_tables(self) -> list[str]:
        if self._url.get_backend_name() == "sqlite" and self._url.database:
            create_private(Path(self._url.database))
        done: list[str] = []
        with self._begin(write=True) as connection:
            inspector = sa.inspect(connection)
            for table in TABLES:
                if not inspector.has_table(table.name):
                    self._tables[table.name].create(connection)
                    done.append(f"created table {table.name}")
                else:
                    existing = {column["name"] for column in inspector.get_columns(table.name)}
                    done += self._add_columns(connection, table, existing)
        return done

    def _add_columns(self, connection: Connection, table: Table, existing: set[str]) -> list[str]:
        missing = [column for column in table.columns if column.name not in existing]
        if keys := [column.name for column in missing if column.key]:
            raise PermanentStoreError(
                f"the table exists without its key column {', '.join(keys)}; "
                f"rename it and run `orch init` again",
                store=self.shown,
                table=table.name,
            )
        for column in missing:
            sql_column = self._tables[table.name].c[column.name]
            kind = sql_column.type.compile(self._engine.dialect)
            name = self._engine.dialect.identifier_preparer.quote(column.name)
            connection.execute(sa.DDL(f"ALTER TABLE {table.name} ADD COLUMN {name} {kind}"))
        return [f"added column {table.name}.{column.name}" for column in missing]

    @override
    def read_stored(
        self, table: Table, where: Where | None = None, columns: Sequence[str] | None = None
    ) -> StoredRows:
        names = columns or table.names
        with self._begin(table) as connection:
            lacking = self._lacking(connection, table, {*names, *(where or {})})
            query = self._query(table, where or {}, names, lacking)
            rows = connection.execute(query)
            # Twice as fast as SQLAlchemy's mappings.
            return split_rows(table, (dict(zip(names, row, strict=True)) for row in rows), names)

    def _query(
        self, table: Table, where: Where, names: Sequence[str], lacking: Collection[str]
    ) -> sa.Select[Any]:
        sql = self._tables[table.name]
        picked = [self._read(table, name, lacking).label(name) for name in names]
        query = sa.select(*picked).order_by(*(self._by_bytes(sql.c[name]) for name in table.keys))
        for name, wanted in where.items():
            column = self._read(table, name, lacking)
            # A str is a Sequence too, but means one value.
            if isinstance(wanted, Sequence) and not isinstance(wanted, str):
                query = query.where(column.in_(wanted))
            else:
                query = query.where(column == wanted)
        return query

    @override
    def lacking_columns(self, table: Table) -> frozenset[str]:
        with self._begin(table) as connection:
            return self._lacking(connection, table, table.late_names)

    def _lacking(
        self, connection: Connection, table: Table, names: Collection[str]
    ) -> frozenset[str]:
        """Return the columns among these that a table of an earlier version does not have yet."""
        late = table.late_names.intersection(names)
        if not late or table.name in self._complete:
            return frozenset()
        inspector = sa.inspect(connection)
        if not inspector.has_table(table.name):
            # The statement that follows names it.
            return frozenset()
        lacking = late - {column["name"] for column in inspector.get_columns(table.name)}
        if not lacking:
            self._complete.add(table.name)
        return lacking

    def _read(self, table: Table, name: str, lacking: Collection[str]) -> sa.ColumnElement[Any]:
        """Return the column to read; null for one that the table lacks."""
        return sa.null() if name in lacking else self._value(table, name)

    @override
    def bad_rows(self, table: Table) -> list[BadRow]:
        judge = row_judge(table, table.names)
        with self._begin(table) as connection:
            lacking = self._lacking(connection, table, table.names)
            columns = (self._read(table, name, lacking).label(name) for name in table.names)
            query = sa.select(*columns).select_from(self._tables[table.name])
            # A log of years is not held in memory.
            streamed = connection.execution_options(yield_per=_ROWS_PER_STATEMENT).execute(query)
            found = (judge(dict(row)) for row in streamed.mappings())
            return [row for row in found if row is not None]

    @override
    def remove_stored(self, row: BadRow) -> bool:
        table = row.table
        is_row = sa.and_(*(self._is_cell(table, name, row.cells[name]) for name in table.keys))
        with self._begin(table, write=True) as connection:
            return bool(
                connection.execute(sa.delete(self._tables[table.name]).where(is_row)).rowcount
            )

    def _is_cell(self, table: Table, name: str, value: Any) -> sa.ColumnElement[bool]:
        """Return the condition that a column has a value, which may be none of its kind."""
        column = self._value(table, name)
        if isinstance(value, str) and not _is_utf8(value):
            stored = value.encode("utf-8", "surrogateescape")
            return sa.cast(column, sa.LargeBinary) == sa.literal(stored, sa.LargeBinary)
        return column == value

    def _value(self, table: Table, name: str) -> sa.ColumnElement[Any]:
        """Return the column to read; an older job_dependency may hold null for no parent."""
        column = self._tables[table.name].c[name]
        if table is JOB_DEPENDENCY and name == "parent_job_id":
            return sa.func.coalesce(column, "")
        return column

    def _by_bytes(self, column: sa.Column[Any]) -> sa.ColumnElement[Any]:
        """Return the column to sort by, in byte order whatever the server's locale."""
        if self._url.get_backend_name() == "postgresql" and isinstance(column.type, sa.Text):
            return sa.collate(column, "C")
        return column

    @override
    def insert_ignore(self, table: Table, rows: Sequence[Mapping[str, Value]]) -> None:
        self._write(table, rows, replace=False)

    @override
    def upsert(self, table: Table, rows: Sequence[Mapping[str, Value]]) -> None:
        self._write(table, rows, replace=True)

    @override
    def replace(
        self,
        table: Table,
        rows: Sequence[Mapping[str, Value]],
        removed: Sequence[Mapping[str, Value]],
    ) -> None:
        check_rows(table, [*rows, *removed])
        with self._begin(table, write=True) as connection:
            # First, as an older job_dependency has one place for the parents of a job.
            self._delete_in(connection, table, removed)
            self._write_in(connection, table, rows, replace=True)

    def _write(self, table: Table, rows: Sequence[Mapping[str, Value]], *, replace: bool) -> None:
        check_rows(table, rows)
        with self._begin(table, write=True) as connection:
            self._write_in(connection, table, rows, replace=replace)

    def _write_in(
        self,
        connection: Connection,
        table: Table,
        rows: Sequence[Mapping[str, Value]],
        *,
        replace: bool,
    ) -> None:
        rows = self._without_lacking(connection, table, rows)
        dialect = postgresql if self._url.get_backend_name() == "postgresql" else sqlite
        keys = self._existing_keys(connection, table)
        self._refuse_second_parents(connection, table, keys, rows, replace=replace)
        for names, alike in _by_columns(rows):
            insert = dialect.insert(self._tables[table.name])
            changed = [name for name in names if name not in keys]
            if replace and changed:
                new = {name: insert.excluded[name] for name in changed}
                statement = insert.on_conflict_do_update(index_elements=keys, set_=new)
            else:
                statement = insert.on_conflict_do_nothing()
            for chunk in _chunks(alike):
                connection.execute(statement, chunk)

    def _without_lacking(
        self, connection: Connection, table: Table, rows: Sequence[Mapping[str, Value]]
    ) -> Sequence[Mapping[str, Value]]:
        """Return the rows without the columns that the table does not have yet."""
        names = {name for row in rows for name in row}
        return without_columns(rows, self._lacking(connection, table, names))

    def _existing_keys(self, connection: Connection, table: Table) -> list[str]:
        """Return the key that the table has; an older job_dependency has two columns in it."""
        if table is not JOB_DEPENDENCY:
            return list(table.keys)
        return sa.inspect(connection).get_pk_constraint(table.name)["constrained_columns"]

    def _refuse_second_parents(
        self,
        connection: Connection,
        table: Table,
        keys: Sequence[str],
        rows: Sequence[Mapping[str, Value]],
        *,
        replace: bool,
    ) -> None:
        if set(keys) == set(table.keys):
            return
        existing = sa.select(*(self._value(table, name).label(name) for name in table.keys))
        refuse_second_parents(
            (dict(row) for row in connection.execute(existing).mappings()),
            rows,
            keys,
            replace=replace,
            store=self.shown,
        )

    @override
    def update(self, table: Table, rows: Sequence[Mapping[str, Value]]) -> int:
        check_rows(table, rows)
        sql = self._tables[table.name]
        matched = 0
        with self._begin(table, write=True) as connection:
            for row in self._without_lacking(connection, table, rows):
                new = {name: value for name, value in row.items() if name not in table.keys}
                # A row of keys alone changes nothing, but counts if it exists.
                new = new or {table.keys[0]: row[table.keys[0]]}
                statement = sa.update(sql).where(self._has_key(table, row)).values(new)
                matched += connection.execute(statement).rowcount
        return matched

    @override
    def delete(self, table: Table, keys: Sequence[Mapping[str, Value]]) -> int:
        check_rows(table, keys)
        with self._begin(table, write=True) as connection:
            return self._delete_in(connection, table, keys)

    def _delete_in(
        self, connection: Connection, table: Table, keys: Sequence[Mapping[str, Value]]
    ) -> int:
        sql = self._tables[table.name]
        return sum(
            connection.execute(sa.delete(sql).where(self._has_key(table, key))).rowcount
            for key in keys
        )

    def _has_key(self, table: Table, row: Mapping[str, Value]) -> sa.ColumnElement[bool]:
        return sa.and_(*(self._value(table, name) == row[name] for name in table.keys))

    @override
    def ping(self) -> None:
        with self._begin() as connection:
            connection.execute(sa.select(1))

    @override
    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def _begin(self, table: Table | None = None, *, write: bool = False) -> Generator[Connection]:
        engine = self._engine.execution_options(writes=write)
        try:
            with engine.begin() as connection:
                yield connection
        except exc.SQLAlchemyError as error:
            name = table.name if table else None
            raise explained(error, self.shown, name, self._folder) from error


def _engine(url: URL) -> Engine:
    if url.get_backend_name() != "sqlite":
        return sa.create_engine(url, pool_pre_ping=True)
    engine = sa.create_engine(url, connect_args={"timeout": _BUSY_TIMEOUT_S})

    # WAL lets readers go on while a run writes. IMMEDIATE takes the write lock when a transaction
    # begins, because SQLite waits for it only there.
    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: object) -> None:  # pyright: ignore[reportUnusedFunction]
        connection.isolation_level = None
        # A text that is not UTF-8 is found by the check of its row, and fails no query.
        connection.text_factory = partial(str, encoding="utf-8", errors="surrogateescape")
        if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
            # SQLite does not wait for this lock; the next connection tries again. A read-only
            # file keeps its mode.
            with contextlib.suppress(sqlite3.OperationalError):
                connection.execute("PRAGMA journal_mode=WAL")

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:  # pyright: ignore[reportUnusedFunction]
        writes = connection.get_execution_options().get("writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _by_columns(
    rows: Sequence[Mapping[str, Value]],
) -> Iterable[tuple[tuple[str, ...], list[Mapping[str, Value]]]]:
    """Group the rows that name the same columns, as these share a statement."""
    by_columns: dict[tuple[str, ...], list[Mapping[str, Value]]] = {}
    for row in rows:
        by_columns.setdefault(tuple(row), []).append(row)
    return by_columns.items()


def _chunks(rows: Sequence[Mapping[str, Value]]) -> Iterator[list[dict[str, Value]]]:
    for start in range(0, len(rows), _ROWS_PER_STATEMENT):
        yield [dict(row) for row in rows[start : start + _ROWS_PER_STATEMENT]]
