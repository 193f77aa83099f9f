"""Kudu by its Java client, in a JVM within this process (JPype)."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any

from orch_dagster.control.kudu.address import KuduAddress
from orch_dagster.control.kudu.driver import (
    BYTES_PER_FLUSH,
    ROW_CHARACTERS,
    ROWS_PER_FLUSH,
    Cell,
    ColumnShape,
    KuduCallError,
    Operation,
    Predicate,
    Refusal,
    TableShape,
)
from orch_dagster.control.kudu.jvm_start import refuse_after_fork, running_jvm
from orch_dagster.control.kudu.schema import TYPES
from orch_dagster.control.tables import Column, Table

_OPERATIONS = {
    "insert_ignore": "newInsertIgnore",
    "upsert": "newUpsert",
    "update": "newUpdate",
    "delete": "newDelete",
}


class JvmDriver:
    """A KuduDriver on org.apache.kudu.client.KuduClient.

    Args:
        address: The cluster.
        home: ORCH_HOME, where the jar is kept.

    Raises:
        SparkError: No Java 17, or no jar and no way to fetch it.
        KuduCallError: A JVM was running here before this process was forked.
    """

    def __init__(self, address: KuduAddress, home: Path) -> None:
        self._address = address
        self._pid = os.getpid()
        self._jpype = running_jvm(home)
        self._tables: dict[str, tuple[Any, TableShape]] = {}
        self._opening = Lock()

    @cached_property
    def _client(self) -> Any:
        address = self._address
        policy = self._class("org.apache.kudu.client.AsyncKuduClient$EncryptionPolicy")
        builder = self._class("org.apache.kudu.client.KuduClient$KuduClientBuilder")(
            ",".join(address.masters)
        )
        client = (
            builder.defaultOperationTimeoutMs(address.timeout_ms)
            .defaultAdminOperationTimeoutMs(address.timeout_ms)
            .connectionNegotiationTimeoutMs(address.timeout_ms)
            .requireAuthentication(address.require_authentication)
            .encryptionPolicy(getattr(policy, address.encryption_policy.upper()))
            .saslProtocolName(address.sasl_protocol_name)
            .workerCount(2)
            .build()
        )
        if address.trusted_certificates is not None:
            client.trustedCertificates(self._certificates(address.trusted_certificates))
        return client

    def _certificates(self, file: Path) -> Any:
        """The certificates of a PEM file, as the client takes them: a DER ByteString each."""
        certificates = self._class("java.util.ArrayList")()
        copy_from = self._class("org.apache.kudu.shaded.com.google.protobuf.ByteString").copyFrom
        factory = self._class("java.security.cert.CertificateFactory").getInstance("X.509")
        stream = self._class("java.io.ByteArrayInputStream")(file.read_bytes())
        for certificate in factory.generateCertificates(stream):
            certificates.add(copy_from(certificate.getEncoded()))
        return certificates

    def _class(self, name: str) -> Any:
        return self._jpype.JClass(name)

    @contextmanager
    def client(self) -> Generator[Any]:
        """The KuduClient of Java itself; its exceptions within become KuduCallError."""
        refuse_after_fork(self._pid)
        try:
            with self._opening:
                client = self._client
            yield client
        except self._jpype.JException as error:
            raise KuduCallError(_told(error)) from error

    def shape(self, table: str) -> TableShape | None:
        """See KuduDriver."""
        try:
            return self._opened(table)[1]
        except KuduCallError as error:
            if str(error).startswith("Not found"):
                return None
            raise

    def _open(self, table: str) -> Any:
        return self._opened(table)[0]

    def _opened(self, table: str) -> tuple[Any, TableShape]:
        """The table and its shape; once known, without a word to Java, as after a fork."""
        if table not in self._tables:
            with self.client() as client:
                opened = client.openTable(table)
                columns = tuple(map(_column_shape, opened.getSchema().getColumns()))
                self._tables[table] = opened, TableShape(table, columns)
        return self._tables[table]

    def forget(self) -> None:
        """See KuduDriver."""
        self._tables.clear()

    def create(self, table: Table, *, hash_buckets: int, replicas: int) -> None:
        """See KuduDriver."""
        with self.client() as client:
            array_list = self._class("java.util.ArrayList")
            columns, no_columns = array_list(), array_list()
            for column in table.columns:
                columns.add(self._column(column))
            options = self._class("org.apache.kudu.client.CreateTableOptions")()
            options.setNumReplicas(replicas).setComment(table.comment)
            # Without this, Kudu would ask for a range.
            options.setRangePartitionColumns(no_columns)
            if hash_buckets:
                hashed = array_list()
                hashed.add(table.keys[0])
                options.addHashPartitions(hashed, hash_buckets)
            schema = self._class("org.apache.kudu.Schema")(columns)
            client.createTable(table.name, schema, options)

    def _column(self, column: Column) -> Any:
        kind = getattr(self._class("org.apache.kudu.Type"), TYPES[column.kind])
        builder = self._class("org.apache.kudu.ColumnSchema$ColumnSchemaBuilder")
        made = builder(column.name, kind).comment(column.comment)
        return made.key(column.key).nullable(not column.key).build()

    def add_columns(self, table: Table, names: Sequence[str]) -> None:
        """See KuduDriver."""
        with self.client() as client:
            options = self._class("org.apache.kudu.client.AlterTableOptions")()
            for column in table.columns:
                if column.name in names:
                    options.addColumn(self._column(column))
            client.alterTable(table.name, options)

    def tablet_servers(self) -> list[str]:
        """See KuduDriver."""
        with self.client() as client:
            return [str(host) for host in client.listTabletServers().getTabletServersList()]

    def replicas(self, table: str) -> list[str]:
        """See KuduDriver."""
        opened = self._open(table)
        with self.client():
            tablets = opened.getTabletsLocations(self._address.timeout_ms)
            replicas = [one for tablet in tablets for one in tablet.getReplicas()]
            return sorted({f"{one.getRpcHost()}:{one.getRpcPort()}" for one in replicas})

    def scan(
        self, table: str, where: Mapping[str, Predicate], columns: Sequence[str]
    ) -> list[tuple[Cell, ...]]:
        """See KuduDriver."""
        opened = self._open(table)
        with self.client() as client:
            names = self._class("java.util.ArrayList")()
            for name in columns:
                names.add(name)
            builder = client.newScannerBuilder(opened).setProjectedColumnNames(names)
            for name, value in where.items():
                builder.addPredicate(self._predicate(opened.getSchema().getColumn(name), value))
            scanner = builder.scanRequestTimeout(self._address.timeout_ms).build()
            try:
                return _rows(scanner, [_getter(opened.getSchema(), name) for name in columns])
            finally:
                scanner.close()

    def _predicate(self, column: Any, value: Predicate) -> Any:
        predicates = self._class("org.apache.kudu.client.KuduPredicate")
        if value is None:
            return predicates.newIsNullPredicate(column)
        if isinstance(value, tuple):
            values = self._class("java.util.ArrayList")()
            for one in value:
                values.add(one)
            return predicates.newInListPredicate(column, values)
        # Of several overloads: an int would fit two.
        boxed = self._jpype.JLong(value) if isinstance(value, int) else value
        return predicates.newComparisonPredicate(column, predicates.ComparisonOp.EQUAL, boxed)

    def write(
        self, table: str, operation: Operation, rows: Sequence[Mapping[str, Cell]]
    ) -> list[Refusal]:
        """See KuduDriver."""
        opened = self._open(table)
        with self.client() as client:
            session = client.newSession()
            session.setTimeoutMillis(self._address.timeout_ms)
            session.setFlushMode(
                self._class("org.apache.kudu.client.SessionConfiguration$FlushMode").MANUAL_FLUSH
            )
            session.setMutationBufferSpace(ROWS_PER_FLUSH)
            try:
                return self._write_all(session, opened, operation, rows)
            finally:
                session.close()

    def _write_all(
        self, session: Any, opened: Any, operation: Operation, rows: Sequence[Mapping[str, Cell]]
    ) -> list[Refusal]:
        schema = opened.getSchema()
        setters = {name: _setter(schema, name) for name in {n for row in rows for n in row}}
        make = getattr(opened, _OPERATIONS[operation])
        refused: list[Refusal] = []
        applied = buffered_bytes = 0
        for number, row in enumerate(rows, start=1):
            made = make()
            partial = made.getRow()
            for name, value in row.items():
                if value is None:
                    partial.setNull(name)
                else:
                    buffered_bytes += setters[name](partial, value)
            session.apply(made)
            full = number - applied == ROWS_PER_FLUSH or buffered_bytes >= BYTES_PER_FLUSH
            if full or number == len(rows):
                refused += [
                    _refusal(answer.getRowError())
                    for answer in session.flush()
                    if answer.hasRowError()
                ]
                applied, buffered_bytes = number, 0
        return refused

    def close(self) -> None:
        """See KuduDriver."""
        if self._pid == os.getpid() and "_client" in self.__dict__:
            with contextlib.suppress(self._jpype.JException):
                self._client.close()


def _column_shape(column: Any) -> ColumnShape:
    return ColumnShape(
        str(column.getName()),
        str(column.getType().name()),
        bool(column.isKey()),
    )


def _getter(schema: Any, name: str) -> Callable[[Any, int], Cell]:
    match str(schema.getColumn(name).getType().name()):
        case "STRING":
            return lambda row, place: str(row.getString(place))
        case "DOUBLE":
            return lambda row, place: float(row.getDouble(place))
        case _:
            return lambda row, place: int(row.getLong(place))


def _rows(scanner: Any, getters: Sequence[Callable[[Any, int], Cell]]) -> list[tuple[Cell, ...]]:
    found: list[tuple[Cell, ...]] = []
    places = [*enumerate(getters)]
    while scanner.hasMoreRows():
        for row in scanner.nextRows():
            found.append(tuple(None if row.isNull(at) else get(row, at) for at, get in places))
    return found


def _setter(schema: Any, name: str) -> Callable[[Any, Any], int]:
    """Puts a value into a row; returns about how many bytes it is."""
    place = schema.getColumnIndex(name)

    def text(row: Any, value: str) -> int:
        data = value.encode()
        row.addStringUtf8(place, data)
        return len(data)

    def real(row: Any, value: float) -> int:
        row.addDouble(place, value)
        return 8

    def whole(row: Any, value: int) -> int:
        row.addLong(place, value)
        return 8

    return {"STRING": text, "DOUBLE": real}.get(str(schema.getColumn(name).getType().name()), whole)


def _refusal(error: Any) -> Refusal:
    status = error.getErrorStatus()
    row = str(error.getOperation().getRow().stringifyRowKey()).strip("()")
    text = _without_trace(str(status))
    return Refusal(bool(status.isNotFound()), text, row[:ROW_CHARACTERS])


def _told(error: Any) -> str:
    """Java's error as Kudu's C++ client tells it, its status first."""
    status = getattr(error, "getStatus", None)
    return _without_trace(str(status() if status is not None else error.toString()))


def _without_trace(text: str) -> str:
    """What is for the client's own developers, a trace of the call and names of classes, goes."""
    said = re.split(r": (?:KuduRpc|ScanRequest|Batch)[({]", text, maxsplit=1)[0]
    said = re.sub(r"Exceptions received: \[|\b(?:\w+\.)+\w+Exception: ", "", said)
    return said.removesuffix("]")
