"""Kudu through its Java client, in a JVM within this process (JPype)."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any

from typing_extensions import override

from orch_dagster.control.kudu.address import KuduAddress
from orch_dagster.control.kudu.driver import (
    ROWS_PER_FLUSH,
    Cell,
    KuduCallError,
    KuduDriver,
    Operation,
    Predicate,
    Refusal,
    TableShape,
)
from orch_dagster.control.kudu.jvm_rows import (
    column_shape,
    error_text,
    read_rows,
    write_rows,
)
from orch_dagster.control.kudu.jvm_start import refuse_after_fork, running_jvm
from orch_dagster.control.kudu.schema import TYPES
from orch_dagster.control.tables import Column, Table


class JvmDriver(KuduDriver):
    """A KuduDriver on org.apache.kudu.client.KuduClient.

    Args:
        address: The cluster.
        home: ORCH_HOME, where the jar is kept.

    Raises:
        SparkError: If Java 17 is missing, or the jar can't be fetched.
        KuduCallError: If this process was forked from one whose JVM runs.
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
        """Return the certificates of a PEM file as the client takes them: DER ByteStrings."""
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
        """Yield Java's KuduClient; raise its exceptions as KuduCallError."""
        refuse_after_fork(self._pid)
        try:
            with self._opening:
                client = self._client
            yield client
        except self._jpype.JException as error:
            raise KuduCallError(error_text(error)) from error

    @override
    def shape(self, table: str) -> TableShape | None:
        try:
            return self._opened(table)[1]
        except KuduCallError as error:
            if str(error).startswith("Not found"):
                return None
            raise

    def _open(self, table: str) -> Any:
        return self._opened(table)[0]

    def _opened(self, table: str) -> tuple[Any, TableShape]:
        """Return the table and its shape; once opened, without a call to Java, as after a fork."""
        if table not in self._tables:
            with self.client() as client:
                opened = client.openTable(table)
                columns = tuple(map(column_shape, opened.getSchema().getColumns()))
                self._tables[table] = opened, TableShape(table, columns)
        return self._tables[table]

    @override
    def forget(self) -> None:
        self._tables.clear()

    @override
    def create(self, table: Table, *, hash_buckets: int, replicas: int) -> None:
        with self.client() as client:
            array_list = self._class("java.util.ArrayList")
            columns, no_columns = array_list(), array_list()
            for column in table.columns:
                columns.add(self._column(column))
            options = self._class("org.apache.kudu.client.CreateTableOptions")()
            options.setNumReplicas(replicas).setComment(table.comment)
            # Else Kudu requires a range partition.
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
        builder = builder(column.name, kind).comment(column.comment)
        return builder.key(column.key).nullable(not column.key).build()

    @override
    def add_columns(self, table: Table, names: Sequence[str]) -> None:
        with self.client() as client:
            options = self._class("org.apache.kudu.client.AlterTableOptions")()
            for column in table.columns:
                if column.name in names:
                    options.addColumn(self._column(column))
            client.alterTable(table.name, options)

    @override
    def tablet_servers(self) -> list[str]:
        with self.client() as client:
            return [str(host) for host in client.listTabletServers().getTabletServersList()]

    @override
    def replicas(self, table: str) -> list[str]:
        opened = self._open(table)
        with self.client():
            tablets = opened.getTabletsLocations(self._address.timeout_ms)
            replicas = [replica for tablet in tablets for replica in tablet.getReplicas()]
            return sorted({f"{each.getRpcHost()}:{each.getRpcPort()}" for each in replicas})

    @override
    def scan(
        self, table: str, where: Mapping[str, Predicate], columns: Sequence[str]
    ) -> list[tuple[Cell, ...]]:
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
                return read_rows(scanner, opened.getSchema(), columns)
            finally:
                scanner.close()

    def _predicate(self, column: Any, value: Predicate) -> Any:
        predicates = self._class("org.apache.kudu.client.KuduPredicate")
        if value is None:
            return predicates.newIsNullPredicate(column)
        if isinstance(value, tuple):
            values = self._class("java.util.ArrayList")()
            for each in value:
                values.add(each)
            return predicates.newInListPredicate(column, values)
        # An int would fit two of the overloads.
        boxed = self._jpype.JLong(value) if isinstance(value, int) else value
        return predicates.newComparisonPredicate(column, predicates.ComparisonOp.EQUAL, boxed)

    @override
    def write(
        self, table: str, operation: Operation, rows: Sequence[Mapping[str, Cell]]
    ) -> list[Refusal]:
        opened = self._open(table)
        with self.client() as client:
            session = client.newSession()
            session.setTimeoutMillis(self._address.timeout_ms)
            session.setFlushMode(
                self._class("org.apache.kudu.client.SessionConfiguration$FlushMode").MANUAL_FLUSH
            )
            session.setMutationBufferSpace(ROWS_PER_FLUSH)
            try:
                return write_rows(session, opened, operation, rows)
            finally:
                session.close()

    @override
    def close(self) -> None:
        if self._pid == os.getpid() and "_client" in self.__dict__:
            with contextlib.suppress(self._jpype.JException):
                self._client.close()
