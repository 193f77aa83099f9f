"""The control tables in Kudu: what a store promises, on what a Kudu client offers.

Kudu writes row by row: rows are checked as a whole before it sees the first of them, and every
write may be done again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import TypeVar

from orch_dagster.control.kudu.address import Driver, KuduAddress
from orch_dagster.control.kudu.connect import choose_driver, open_driver
from orch_dagster.control.kudu.driver import (
    Cell,
    KuduCallError,
    KuduDriver,
    Operation,
    Predicate,
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
from orch_dagster.control.store import Where
from orch_dagster.control.tables import (
    JOB_DEPENDENCY,
    TABLES,
    Kind,
    Row,
    Table,
    Value,
    check_rows,
    from_micros,
    to_micros,
)
from orch_dagster.errors import PermanentStoreError, StoreError
from orch_dagster.toolchain.errors import SparkError

T = TypeVar("T")

_PARENT = "parent_job_id"


class KuduStore:
    """A ControlStore on a Kudu cluster; nothing is connected before the first call.

    A copy that is unpickled in another process connects anew, as does one that was forked.

    Args:
        address: The cluster.
        home: ORCH_HOME, where the Java client's jar is kept.

    Raises:
        SettingsError: No driver for it is installed.
    """

    def __init__(self, address: KuduAddress, home: Path) -> None:
        self._where = address
        self._home = home
        self._driver_name: Driver = choose_driver(address)
        self._driver: KuduDriver | None = None
        self._opening = Lock()

    def __reduce__(self) -> tuple[type[KuduStore], tuple[KuduAddress, Path]]:
        """No client travels to another process."""
        return KuduStore, (self._where, self._home)

    @property
    def address(self) -> str:
        """The masters."""
        return self._where.text

    @property
    def driver_name(self) -> Driver:
        """native or jvm."""
        return self._driver_name

    def ensure_tables(self) -> list[str]:
        """See ControlStore; what cannot be used is named for all tables before any is changed."""
        shapes = {table.name: self.shape(table) for table in TABLES}
        problems = {
            table.name: found
            for table in TABLES
            if (shape := shapes[table.name]) and (found := differences(table, shape))
        }
        if problems:
            listed = "; ".join(f"{name}: {'; '.join(found)}" for name, found in problems.items())
            raise PermanentStoreError(
                f"{listed}; rename what is there and run `orch init` again",
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

    def read(
        self, table: Table, where: Where | None = None, columns: Sequence[str] | None = None
    ) -> list[Row]:
        """See ControlStore."""
        wanted = tuple(columns or table.names)
        shape = self._shape(table, {*wanted, *(where or {})})
        predicates = {name: _predicate(table, name, value) for name, value in (where or {}).items()}
        parents = None
        if has_one_parent_key(table, shape):
            # There a null says what '' says, so it is for us to tell which parents match.
            parents = predicates.pop(_PARENT, None)
        if () in (*predicates.values(), parents):
            return []
        scanned = tuple(dict.fromkeys((*wanted, *table.keys)))
        cells = self._call(table, lambda driver: driver.scan(table.name, predicates, scanned))
        rows = [_row(table, scanned, one) for one in cells]
        if parents is not None:
            kept = parents if isinstance(parents, tuple) else (parents,)
            rows = [row for row in rows if row[_PARENT] in kept]
        rows.sort(key=lambda row: tuple(str(row[name]).encode() for name in table.keys))
        return rows if scanned == wanted else [{n: row[n] for n in wanted} for row in rows]

    def insert_ignore(self, table: Table, rows: Sequence[Mapping[str, Value]]) -> None:
        """See ControlStore."""
        self._put(table, "insert_ignore", rows)

    def upsert(self, table: Table, rows: Sequence[Mapping[str, Value]]) -> None:
        """See ControlStore."""
        self._put(table, "upsert", rows)

    def _put(self, table: Table, operation: Operation, rows: Sequence[Mapping[str, Value]]) -> None:
        check_rows(table, rows)
        shape = self._shape(table, {name for row in rows for name in row})
        if has_one_parent_key(table, shape):
            refuse_second_parents(
                self.read(table, columns=table.keys),
                rows,
                shape.keys,
                replace=operation == "upsert",
                store=self.address,
            )
        if refused := self._write(table, operation, rows):
            raise self._refused(table, refused, len(rows))

    def update(self, table: Table, rows: Sequence[Mapping[str, Value]]) -> int:
        """See ControlStore."""
        check_rows(table, rows)
        shape = self._shape(table, {name for row in rows for name in row})
        there = self._of_full_key(table, shape, rows)
        # Kudu refuses an update that changes nothing; here it counts the row.
        changing = [row for row in there if {*row} - {*shape.keys}]
        of_keys_alone = [row for row in there if not {*row} - {*shape.keys}]
        absent = self._absent(table, "update", changing)
        found = {table.key_text(row) for row in self._existing(table, of_keys_alone)}
        counted = sum(table.key_text(row) in found for row in of_keys_alone)
        return len(changing) - absent + counted

    def delete(self, table: Table, keys: Sequence[Mapping[str, Value]]) -> int:
        """See ControlStore."""
        check_rows(table, keys)
        shape = self._shape(table, {*table.keys})
        there = self._of_full_key(table, shape, keys)
        rows = [{name: row[name] for name in shape.keys} for row in there]
        return len(rows) - self._absent(table, "delete", rows)

    def _of_full_key(
        self, table: Table, shape: TableShape, rows: Sequence[Mapping[str, Value]]
    ) -> list[Mapping[str, Value]]:
        """The rows whose parent is that of the table too, where its key does not hold it."""
        if not rows or not has_one_parent_key(table, shape):
            return [*rows]
        there = {table.key_text(row) for row in self._existing(table, rows)}
        return [row for row in rows if table.key_text(row) in there]

    def _existing(self, table: Table, rows: Sequence[Mapping[str, Value]]) -> list[Row]:
        if not rows:
            return []
        where = {name: [row[name] for row in rows] for name in table.keys}
        return self.read(table, where, columns=table.keys)

    def _absent(
        self, table: Table, operation: Operation, rows: Sequence[Mapping[str, Value]]
    ) -> int:
        """Write, and count the rows that were not there; any other reason is an error."""
        refused = self._write(table, operation, rows)
        if worse := [one for one in refused if not one.is_absent]:
            raise self._refused(table, worse, len(rows))
        return len(refused)

    def _write(
        self, table: Table, operation: Operation, rows: Sequence[Mapping[str, Value]]
    ) -> list[Refusal]:
        if not rows:
            return []
        cells = [{name: _cell(table, name, value) for name, value in row.items()} for row in rows]
        return self._call(table, lambda driver: driver.write(table.name, operation, cells))

    def _refused(self, table: Table, refused: Sequence[Refusal], of: int) -> StoreError:
        """What to say of the rows that the cluster did not take; the others are written."""
        detail = f" ({refused[0].row})"
        if of > 1:
            detail += f"; {len(refused)} of {of} rows were not written, writing all again is safe"
        return explained(refused[0].text, self.address, table.name, detail=detail)

    def ping(self) -> None:
        """See ControlStore."""
        self.tablet_servers()

    def shape(self, table: Table) -> TableShape | None:
        """The table as the cluster has it, or None; see ControlStore for the errors."""
        return self._call(table, lambda driver: driver.shape(table.name))

    def tablet_servers(self) -> list[str]:
        """The host by which each tablet server is known; see ControlStore for the errors."""
        return self._call(None, lambda driver: driver.tablet_servers())

    def replicas(self, table: Table) -> list[str]:
        """``host:port`` of the tablet servers that hold a table, as clients are told."""
        return self._call(table, lambda driver: driver.replicas(table.name))

    def probe_masters(self) -> list[Probed]:
        """How each master's socket answers."""
        return probe_all(self._where.masters, self._where.probe_timeout_s)

    def close(self) -> None:
        """See ControlStore."""
        with self._opening:
            if self._driver is not None:
                self._driver.close()
                self._driver = None

    def _shape(self, table: Table, wanted: set[str]) -> TableShape:
        shape = self.shape(table)
        if shape is None:
            raise PermanentStoreError(
                "there is no such table; run `orch init`, which creates what is missing",
                store=self.address,
                table=table.name,
            )
        if missing := missing_columns(table, shape, [*wanted]):
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
                # What was remembered of the table may be why: it may have been made anew.
                self._driver.forget()
            raise explained(str(error), self.address, name, look=self.probe_masters) from error
        except SparkError as error:
            # Java or the jar is missing: the store cannot be used, as with any other reason.
            raise PermanentStoreError(str(error), store=self.address, table=name) from error

    def _opened(self) -> KuduDriver:
        with self._opening:
            if self._driver is None:
                self._driver = open_driver(self._where, self._driver_name, self._home)
            return self._driver


def _predicate(table: Table, name: str, value: Value | Sequence[Value]) -> Predicate:
    # A text is a sequence too, but means one value.
    if isinstance(value, Sequence) and not isinstance(value, str):
        # As in SQL, null is in no list.
        found = (_cell(table, name, one) for one in value if one is not None)
        return tuple(dict.fromkeys(found))
    return _cell(table, name, value)


def _cell(table: Table, name: str, value: Value) -> Cell:
    if isinstance(value, datetime):
        return to_micros(value)
    column = table.column(name)
    if column is not None and column.kind is Kind.DOUBLE and value is not None:
        return float(value)
    return value


def _row(table: Table, names: Sequence[str], cells: Sequence[Cell]) -> Row:
    row: Row = {}
    for name, cell in zip(names, cells, strict=True):
        column = table.column(name)
        if column is not None and column.kind is Kind.TIMESTAMP and cell is not None:
            row[name] = from_micros(int(cell))
        elif table is JOB_DEPENDENCY and name == _PARENT and cell is None:
            row[name] = ""
        else:
            row[name] = cell
    return row
