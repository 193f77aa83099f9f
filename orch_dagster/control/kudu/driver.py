"""What the store wants of a Kudu client, in plain values: the two drivers keep it alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from orch_dagster.control.tables import Table

Cell: TypeAlias = str | int | float | None
"""Times are micros here: only the store knows datetimes."""

Predicate: TypeAlias = Cell | tuple[Cell, ...]
"""A value to equal (None: is null), or several of which one is to be equalled."""

Operation = Literal["insert_ignore", "upsert", "update", "delete"]

# One flush holds so much at most: a message of Kudu's may have 50 MB, a cell 64 KiB.
ROWS_PER_FLUSH = 1_000
BYTES_PER_FLUSH = 4 * 1024 * 1024
# Of a key in a message: it may have 16 KiB.
ROW_CHARACTERS = 200


@dataclass(frozen=True)
class ColumnShape:
    """A column as the cluster has it; `type` in Kudu's words, such as STRING."""

    name: str
    type: str
    is_key: bool


@dataclass(frozen=True)
class TableShape:
    """A table as the cluster has it."""

    name: str
    columns: tuple[ColumnShape, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """Names of its key columns, in order."""
        return tuple(column.name for column in self.columns if column.is_key)

    @property
    def types(self) -> Mapping[str, str]:
        """Type by name of column."""
        return {column.name: column.type for column in self.columns}


@dataclass(frozen=True)
class Refusal:
    """A row that the cluster did not take.

    Attributes:
        is_absent: Because an update or delete found no row of that key.
        text: The status in the cluster's words, such as ``Invalid argument: …``.
        row: Which it was, as the client tells it.
    """

    is_absent: bool
    text: str
    row: str


class KuduCallError(Exception):
    """A call failed; the text starts with Kudu's status, such as ``Timed out: ``."""


class KuduDriver(Protocol):
    """A connected client. Every method raises KuduCallError; it may be used by several threads."""

    def shape(self, table: str) -> TableShape | None:
        """The table, or None where there is none; remembered until `forget`."""
        ...

    def forget(self) -> None:
        """Ask the cluster again for what was remembered of its tables."""
        ...

    def create(self, table: Table, *, hash_buckets: int, replicas: int) -> None:
        """Create a table; 0 buckets: one tablet."""
        ...

    def add_columns(self, table: Table, names: Sequence[str]) -> None:
        """Add columns, which are null in the rows that are there."""
        ...

    def tablet_servers(self) -> list[str]:
        """The host by which each tablet server is known."""
        ...

    def replicas(self, table: str) -> list[str]:
        """``host:port`` of the tablet servers that hold a table, as clients are told."""
        ...

    def scan(
        self, table: str, where: Mapping[str, Predicate], columns: Sequence[str]
    ) -> list[tuple[Cell, ...]]:
        """The rows that match, in no order; `where` is answered by the tablet servers."""
        ...

    def write(
        self, table: str, operation: Operation, rows: Sequence[Mapping[str, Cell]]
    ) -> list[Refusal]:
        """Write rows in their order and wait for all; returns those that were not taken."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...
