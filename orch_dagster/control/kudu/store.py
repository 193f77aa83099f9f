"""The control tables in Kudu, on either Kudu client.

Kudu writes row by row, so all rows are checked before the first is written, and every write may be
repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import TypeVar, cast

from typing_extensions import override

from orch_dagster.control.kudu.address import Driver, KuduAddress
from orch_dagster.control.kudu.cells import PARENT, to_cell, to_predicate, to_row
from orch_dagster.control.kudu.connect import choose_driver, open_driver
from orch_dagster.control.kudu.driver import (
    KuduCallError,
    KuduDriver,
    Operation,
    Refusal,
    TableShape,
)
from orch_dagster.control.kudu.errors import explained
from orch_dagster.control.kudu.probe import Probed, probe_all
from orch_dagster.control.kudu.schema import (
    HASH_BUCKETS,
    differences,
    has_one_parent_key,
    missing_columns,
    replicas_for,
)
from orch_dagster.control.legacy_key import refuse_second_parents
from orch_dagster.control.store import ControlStore, Where, without_columns
from orch_dagster.control.stored_rows import BadRow, StoredRows, split_rows
from orch_dagster.control.tables import (
    TABLES,
    Row,
    Table,
    Value,
    check_rows,
)
from orch_dagster.errors import PermanentStoreError, StoreError
from orch_dagster.toolchain.errors import SparkError

T = TypeVar("T")


class KuduStore(ControlStore):
    """A ControlStore on a Kudu cluster; nothing is connected before the first call.

    A copy that was unpickled in another process opens a new connection, as does a forked one.

    Args:
        address: The cluster.
        home: ORCH_HOME, where the Java client's jar is kept.

    Raises:
        SettingsError: If no driver for it is installed.
    """

    def __init__(self, address: KuduAddress, home: Path) -> None:
        self._where = address
        self._home = home
        self._driver_name: Driver = choose_driver(address)
        self._driver: KuduDriver | None = None
        self._opening = Lock()

    def __reduce__(self) -> tuple[type[KuduStore], tuple[KuduAddress, Path]]:
        """Pickle the address alone: a client can't be used in another process."""
        return KuduStore, (self._where, self._home)

    @property
    def address(self) -> str:
        """The masters as a URL."""
        return self._where.text

    @property
    def driver_name(self) -> Driver:
        """The client in use, native or jvm."""
        return self._driver_name

    @override
    def ensure_tables(self) -> list[str]:
        # All problems of all tables are reported before any table is changed.
        shapes = {table.name: self.shape(table) for table in TABLES}
        problems = {
            table.name: different
            for table in TABLES
            if (shape := shapes[table.name]) and (different := differences(table, shape))
        }
        if problems:
            listed = "; ".join(f"{name}: {'; '.join(each)}" for name, each in problems.items())
            raise PermanentStoreError(
                f"{listed}; rename the existing table and run `orch init` again",
                store=self.address,
                table=", ".join(problems),
            )
        done: list[str] = []
        for table in TABLES:
            shape = shapes[table.name]
            if shape is None:
                self._create(table)
                done.append(f"created table {table.name}")
            elif names := missing_columns(table, shape, table.names):
                self._call(table, lambda d, t=table, n=names: d.add_columns(t, n))
                done += [f"added column {table.name}.{name}" for name in names]
        if done:
            self._call(None, lambda driver: driver.forget())
        return done

    def _create(self, table: Table) -> None:
        def create(driver: KuduDriver) -> None:
            replicas = replicas_for(len(driver.tablet_servers()), self._where.replicas)
            buckets = HASH_BUCKETS.get(table.name, 0)
            driver.create(table, hash_buckets=buckets, replicas=replicas)

        self._call(table, create)

    @override
    def read_stored(
        self, table: Table, where: Where | None = None, columns: Sequence[str] | None = None
    ) -> StoredRows:
        wanted = tuple(columns or table.names)
        shape = self._shape(table, {*wanted, *(where or {})})
        lacking = _lacking(table, shape)
        if lacking.intersection(where or {}):
            # Equal to a value is no null.
            return StoredRows()
        predicates = {
            name: to_predicate(table, name, value) for name, value in (where or {}).items()
        }
        parents = None
        if has_one_parent_key(table, shape):
            # In such a table null and '' mean the same, which a predicate can't express.
            parents = predicates.pop(PARENT, None)
        if () in (*predicates.values(), parents):
            return StoredRows()
        scanned = tuple(
            name for name in dict.fromkeys((*wanted, *table.keys)) if name not in lacking
        )
        cells = self._call(table, lambda driver: driver.scan(table.name, predicates, scanned))
        rows = [to_row(table, scanned, values) for values in cells]
        if parents is not None:
            kept = parents if isinstance(parents, tuple) else (parents,)
            rows = [row for row in rows if row[PARENT] in kept]
        rows.sort(key=lambda row: tuple(str(row[name]).encode() for name in table.keys))
        stored = split_rows(table, rows, scanned)
        if scanned != wanted:
            stored.rows[:] = [{name: row.get(name) for name in wanted} for row in stored.rows]
        return stored

    @override
    def lacking_columns(self, table: Table) -> frozenset[str]:
        return _lacking(table, self._shape(table, {*table.keys}))

    @override
    def bad_rows(self, table: Table) -> list[BadRow]:
        # Any text may hold a NUL, or more bytes than a cell may have.
        names = [column.name for column in table.columns if not column.is_late]
        return self.read_stored(table, columns=names).bad

    @override
    def remove_stored(self, row: BadRow) -> bool:
        shape = self._shape(row.table, {*row.table.keys})
        # Kudu's columns have their types, so what is wrong with a key is the text of a date.
        key = {name: cast("Value", row.cells[name]) for name in shape.keys}
        return not self._write_counting_absent(row.table, "delete", [key])

    @override
    def insert_ignore(self, table: Table, rows: Sequence[Mapping[str, Value]]) -> None:
        self._put(table, "insert_ignore", rows)

    @override
    def upsert(self, table: Table, rows: Sequence[Mapping[str, Value]]) -> None:
        self._put(table, "upsert", rows)

    @override
    def replace(
        self,
        table: Table,
        rows: Sequence[Mapping[str, Value]],
        removed: Sequence[Mapping[str, Value]],
    ) -> None:
        check_rows(table, removed)
        self._put(table, "upsert", rows, removed)
        shape = self._shape(table, {*table.keys})
        # In an older job_dependency a new row may have taken the place of a removed one.
        places = {tuple(row[name] for name in shape.keys) for row in rows}
        self.delete(
            table, [key for key in removed if tuple(key[name] for name in shape.keys) not in places]
        )

    def _put(
        self,
        table: Table,
        operation: Operation,
        rows: Sequence[Mapping[str, Value]],
        removed: Sequence[Mapping[str, Value]] = (),
    ) -> None:
        check_rows(table, rows)
        shape = self._shape(table, {name for row in rows for name in row})
        if has_one_parent_key(table, shape):
            gone = {table.key_text(key) for key in removed}
            existing = self.read(table, columns=table.keys)
            refuse_second_parents(
                [row for row in existing if table.key_text(row) not in gone],
                rows,
                shape.keys,
                replace=operation == "upsert",
                store=self.address,
            )
        known = without_columns(rows, _lacking(table, shape))
        if refusals := self._write(table, operation, known):
            raise self._refusal_error(table, refusals, len(rows))

    @override
    def update(self, table: Table, rows: Sequence[Mapping[str, Value]]) -> int:
        check_rows(table, rows)
        shape = self._shape(table, {name for row in rows for name in row})
        known = without_columns(rows, _lacking(table, shape))
        matching = self._with_full_key(table, shape, known)
        # Kudu refuses an update of keys alone, which here counts the row if it exists.
        changing = [row for row in matching if {*row} - {*shape.keys}]
        keys_alone = [row for row in matching if not {*row} - {*shape.keys}]
        absent = self._write_counting_absent(table, "update", changing)
        existing = {table.key_text(row) for row in self._existing(table, keys_alone)}
        counted = sum(table.key_text(row) in existing for row in keys_alone)
        return len(changing) - absent + counted

    @override
    def delete(self, table: Table, keys: Sequence[Mapping[str, Value]]) -> int:
        check_rows(table, keys)
        shape = self._shape(table, {*table.keys})
        matching = self._with_full_key(table, shape, keys)
        rows = [{name: row[name] for name in shape.keys} for row in matching]
        return len(rows) - self._write_counting_absent(table, "delete", rows)

    def _with_full_key(
        self, table: Table, shape: TableShape, rows: Sequence[Mapping[str, Value]]
    ) -> list[Mapping[str, Value]]:
        """Return the rows whose full key exists, which the older key can't check by itself."""
        if not rows or not has_one_parent_key(table, shape):
            return [*rows]
        existing = {table.key_text(row) for row in self._existing(table, rows)}
        return [row for row in rows if table.key_text(row) in existing]

    def _existing(self, table: Table, rows: Sequence[Mapping[str, Value]]) -> list[Row]:
        if not rows:
            return []
        where = {name: [row[name] for row in rows] for name in table.keys}
        return self.read(table, where, columns=table.keys)

    def _write_counting_absent(
        self, table: Table, operation: Operation, rows: Sequence[Mapping[str, Value]]
    ) -> int:
        """Write, and count the rows that did not exist; any other refusal is an error."""
        refusals = self._write(table, operation, rows)
        if errors := [refusal for refusal in refusals if not refusal.is_absent]:
            raise self._refusal_error(table, errors, len(rows))
        return len(refusals)

    def _write(
        self, table: Table, operation: Operation, rows: Sequence[Mapping[str, Value]]
    ) -> list[Refusal]:
        if not rows:
            return []
        cells = [{name: to_cell(table, name, value) for name, value in row.items()} for row in rows]
        return self._call(table, lambda driver: driver.write(table.name, operation, cells))

    def _refusal_error(self, table: Table, refusals: Sequence[Refusal], of: int) -> StoreError:
        """Return the error for the rows that the cluster refused; the others are written."""
        detail = f" ({refusals[0].row})"
        if of > 1:
            detail += f"; {len(refusals)} of {of} rows were not written, writing all again is safe"
        return explained(refusals[0].text, self.address, table.name, detail=detail)

    @override
    def ping(self) -> None:
        self.tablet_servers()

    def shape(self, table: Table) -> TableShape | None:
        """Return the existing table, or None; raise the errors of a ControlStore."""
        return self._call(table, lambda driver: driver.shape(table.name))

    def tablet_servers(self) -> list[str]:
        """Return the host name of each tablet server; raise the errors of a ControlStore."""
        return self._call(None, lambda driver: driver.tablet_servers())

    def replicas(self, table: Table) -> list[str]:
        """Return ``host:port`` of the tablet servers of a table, as the masters give it."""
        return self._call(table, lambda driver: driver.replicas(table.name))

    def probe_masters(self) -> list[Probed]:
        """Probe the socket of each master."""
        return probe_all(self._where.masters, self._where.probe_timeout_s)

    @override
    def close(self) -> None:
        with self._opening:
            if self._driver is not None:
                self._driver.close()
                self._driver = None

    def _shape(self, table: Table, wanted: set[str]) -> TableShape:
        shape = self.shape(table)
        if shape is None:
            raise PermanentStoreError(
                "the table does not exist; run `orch init`, which creates what is missing",
                store=self.address,
                table=table.name,
            )
        if missing := missing_columns(table, shape, [*(wanted - table.late_names)]):
            raise PermanentStoreError(
                f"it has no column {', '.join(missing)}; run `orch init`, which adds it",
                store=self.address,
                table=table.name,
            )
        return shape

    def _call(self, table: Table | None, call: Callable[[KuduDriver], T]) -> T:
        name = table.name if table else None
        try:
            return call(self._opened())
        except KuduCallError as error:
            if self._driver is not None:
                # The table may have been recreated since the driver opened it.
                self._driver.forget()
            raise explained(str(error), self.address, name, probe=self.probe_masters) from error
        except SparkError as error:
            # Without Java or the jar the store can't be used, which is a store error.
            raise PermanentStoreError(str(error), store=self.address, table=name) from error

    def _opened(self) -> KuduDriver:
        with self._opening:
            if self._driver is None:
                self._driver = open_driver(self._where, self._driver_name, self._home)
            return self._driver


def _lacking(table: Table, shape: TableShape) -> frozenset[str]:
    return table.late_names.difference(shape.types)
