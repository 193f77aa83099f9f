"""Kudu through its C++ client, where kudu-python is installed.

The binding holds the GIL during a call, so only the call's own limit ends it. It crashes if the
client refuses to apply an operation, so rows are checked before.
"""

from __future__ import annotations

import ast
import importlib
import os
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from typing_extensions import override

from orch_dagster.control.kudu.address import KuduAddress
from orch_dagster.control.kudu.driver import (
    BYTES_PER_FLUSH,
    ROW_CHARACTERS,
    ROWS_PER_FLUSH,
    Cell,
    ColumnShape,
    KuduCallError,
    KuduDriver,
    Operation,
    Predicate,
    Refusal,
    TableShape,
)
from orch_dagster.control.kudu.schema import TYPES
from orch_dagster.control.tables import Column, Kind, Table, from_micros, to_micros

# A row has 1 MiB at most: a flush and one more fit.
_BUFFER_BYTES = 4 * BYTES_PER_FLUSH
_TIME = TYPES[Kind.TIMESTAMP]


class NativeDriver(KuduDriver):
    """A KuduDriver on kudu.Client; a forked process opens a connection of its own.

    Args:
        address: The cluster.
    """

    def __init__(self, address: KuduAddress) -> None:
        self._address = address
        self._connected: tuple[int, Any] | None = None

    @contextmanager
    def _calling(self) -> Generator[Any]:
        """Yield the client; raise its exceptions as KuduCallError, status first."""
        kudu = _module("kudu")
        errors = _module("kudu.errors")
        try:
            if self._connected is None or self._connected[0] != os.getpid():
                self._connected = (os.getpid(), self._connect(kudu))
            yield self._connected[1]
        except errors.KuduNotFound as error:
            raise KuduCallError(f"Not found: {_text(error)}") from error
        except errors.KuduInvalidArgument as error:
            raise KuduCallError(f"Invalid argument: {_text(error)}") from error
        except errors.KuduNotSupported as error:
            raise KuduCallError(f"Not supported: {_text(error)}") from error
        except errors.KuduException as error:
            raise KuduCallError(_text(error)) from error

    def _connect(self, kudu: Any) -> Any:
        address = self._address
        policy = getattr(kudu, f"ENCRYPTION_{address.encryption_policy.upper()}")
        trusted = address.trusted_certificates
        return kudu.Client(
            [*address.masters],
            # A call whose master is unreachable takes up to twice this limit.
            admin_timeout_ms=address.timeout_ms // 2,
            rpc_timeout_ms=address.timeout_ms,
            sasl_protocol_name=address.sasl_protocol_name.encode(),
            require_authentication=address.require_authentication,
            encryption_policy=policy,
            trusted_certificates=[trusted.read_text(encoding="ascii")] if trusted else None,
        )

    @override
    def shape(self, table: str) -> TableShape | None:
        try:
            with self._calling() as client:
                schema = client.table(table).schema
        except KuduCallError as error:
            if str(error).startswith("Not found"):
                return None
            raise
        keys = {*schema.primary_keys()}
        columns = [schema[place] for place in range(len(schema))]
        return TableShape(
            table,
            tuple(
                ColumnShape(column.name, column.type.name.upper(), column.name in keys)
                for column in columns
            ),
        )

    @override
    def forget(self) -> None:
        """Do nothing: a kept table that was dropped would read as empty, so none is kept."""

    @override
    def create(self, table: Table, *, hash_buckets: int, replicas: int) -> None:
        with self._calling() as client:
            builder = _module("kudu").schema_builder()
            for column in table.columns:
                _add(builder, column, nullable=not column.key)
            builder.set_primary_keys([*table.keys])
            # Else Kudu requires a range partition.
            partitioning = _module("kudu.client").Partitioning().set_range_partition_columns([])
            if hash_buckets:
                partitioning.add_hash_partitions([table.keys[0]], hash_buckets)
            client.create_table(
                table.name,
                builder.build(),
                partitioning,
                n_replicas=replicas,
                comment=table.comment,
            )

    @override
    def add_columns(self, table: Table, names: Sequence[str]) -> None:
        with self._calling() as client:
            alterer = client.new_table_alterer(client.table(table.name))
            for column in table.columns:
                if column.name in names:
                    _add(alterer, column, nullable=True)
            alterer.alter()

    @override
    def tablet_servers(self) -> list[str]:
        with self._calling() as client:
            return [str(server.hostname()) for server in client.list_tablet_servers()]

    @override
    def replicas(self, table: str) -> list[str]:
        with self._calling() as client:
            tokens = client.table(table).scan_token_builder().build()
            servers = [replica.ts() for token in tokens for replica in token.tablet().replicas()]
            return sorted({f"{server.hostname()}:{server.port()}" for server in servers})

    @override
    def scan(
        self, table: str, where: Mapping[str, Predicate], columns: Sequence[str]
    ) -> list[tuple[Cell, ...]]:
        with self._calling() as client:
            opened = client.table(table)
            # A scanner made without a token waits 30 s, whatever the client's limit is.
            builder = opened.scan_token_builder()
            builder.set_timeout_millis(self._address.timeout_ms)
            builder.set_projected_column_names([*columns])
            times = _times(opened)
            for name, value in where.items():
                builder.add_predicate(_predicate(opened[name], value, is_time=name in times))
            rows = [
                row
                for token in builder.build()
                for row in token.into_kudu_scanner().open().read_all_tuples()
            ]
        places = [place for place, name in enumerate(columns) if name in times]
        return [_micros(row, places) for row in rows] if places else rows

    @override
    def write(
        self, table: str, operation: Operation, rows: Sequence[Mapping[str, Cell]]
    ) -> list[Refusal]:
        failed = _module("kudu.errors").KuduException
        with self._calling() as client:
            opened = client.table(table)
            times = _times(opened)
            new_operation = getattr(opened, f"new_{operation}")
            session = client.new_session(
                flush_mode="manual",
                timeout_ms=self._address.timeout_ms,
                mutation_buffer_sz=_BUFFER_BYTES,
            )
            refusals: list[Refusal] = []
            applied = buffered_bytes = 0
            for number, row in enumerate(rows, start=1):
                session.apply(new_operation({n: _native(v, n in times) for n, v in row.items()}))
                buffered_bytes += sum(map(_bytes, row.values()))
                full = number - applied == ROWS_PER_FLUSH or buffered_bytes >= BYTES_PER_FLUSH
                if full or number == len(rows):
                    try:
                        session.flush()
                    except failed:
                        errors, _ = session.get_pending_errors()
                        if not errors:
                            raise
                        refusals += [_refusal(error) for error in errors]
                    applied, buffered_bytes = number, 0
            return refusals

    @override
    def close(self) -> None:
        # The client closes with its last reference.
        self._connected = None


def _module(name: str) -> Any:
    # Not an import statement: a type checker would take this folder for the binding.
    return importlib.import_module(name)


def _text(error: Exception) -> str:
    text = error.args[0] if error.args else b""
    return text.decode(errors="replace") if isinstance(text, bytes) else str(text)


def _add(builder: Any, column: Column, *, nullable: bool) -> None:
    spec = builder.add_column(column.name, TYPES[column.kind].lower(), nullable=nullable)
    spec.comment(column.comment)


def _times(opened: Any) -> set[str]:
    columns = [opened.schema[place] for place in range(len(opened.schema))]
    return {column.name for column in columns if column.type.name.upper() == _TIME}


def _predicate(column: Any, value: Predicate, *, is_time: bool) -> Any:
    if value is None:
        return column.is_null()
    if isinstance(value, tuple):
        return column.in_list([_native(each, is_time) for each in value])
    return column == _native(value, is_time)


def _native(value: Cell, is_time: bool) -> Any:
    return from_micros(int(value)) if is_time and value is not None else value


def _micros(row: tuple[Any, ...], places: Sequence[int]) -> tuple[Cell, ...]:
    cells = [*row]
    for place in places:
        if cells[place] is not None:
            cells[place] = to_micros(cells[place])
    return tuple(cells)


def _bytes(value: Cell) -> int:
    # A character has 4 bytes at most; counting is cheaper than encoding.
    return 4 * len(value) if isinstance(value, str) else 8


def _refusal(error: Any) -> Refusal:
    # The binding has a row's error only in its repr: KuduError('b'Not found: …'').
    text = ast.literal_eval(repr(error)[len("KuduError('") : -2]).decode(errors="replace")
    row = str(error.failed_op())[:ROW_CHARACTERS]
    return Refusal(text.startswith("Not found: key not found"), text, row)
