"""The protocol of a Kudu client in plain values, which both drivers implement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from orch_dagster.control.tables import Table

Cell: TypeAlias = str | int | float | None
"""A cell's value; a time is an int of microseconds, as only the store has datetimes."""

Predicate: TypeAlias = Cell | tuple[Cell, ...]
"""The value that a cell has to equal (None: is null), or several, of which one is enough."""

Operation = Literal["insert_ignore", "upsert", "update", "delete"]

# The limits of a flush: a message to Kudu may have 50 MB, a cell 64 KiB.
ROWS_PER_FLUSH = 1_000
BYTES_PER_FLUSH = 4 * 1024 * 1024
# The limit of a key in an error's text: a key may have 16 KiB.
ROW_CHARACTERS = 200


@dataclass(frozen=True)
class ColumnShape:
    """An existing column; `type` is Kudu's name of it, such as STRING."""

    name: str
    type: str
    is_key: bool


@dataclass(frozen=True)
class TableShape:
    """An existing table."""

    name: str
    columns: tuple[ColumnShape, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """The names of its key columns, in order."""
        return tuple(column.name for column in self.columns if column.is_key)

    @property
    def types(self) -> Mapping[str, str]:
        """The type of each column, by its name."""
        return {column.name: column.type for column in self.columns}


@dataclass(frozen=True)
class Refusal:
    """A row that the cluster refused.

    Attributes:
        is_absent: An update or delete found no row of that key.
        text: The cluster's status, such as ``Invalid argument: …``.
        row: The row's key, as the client prints it.
    """

    is_absent: bool
    text: str
    row: str


class KuduCallError(Exception):
    """A call failed; the text starts with Kudu's status, such as ``Timed out: ``."""


class KuduDriver(Protocol):
    """A client, safe for several threads; every method may raise KuduCallError."""

    def shape(self, table: str) -> TableShape | None:
        """Return the table, or None if it does not exist; a driver may keep it until `forget`."""
        ...

    def forget(self) -> None:
        """Discard what is kept of the cluster's tables."""
        ...

    def create(self, table: Table, *, hash_buckets: int, replicas: int) -> None:
        """Create a table; with 0 buckets it has one tablet."""
        ...

    def add_columns(self, table: Table, names: Sequence[str]) -> None:
        """Add columns, which are null in existing rows."""
        ...

    def tablet_servers(self) -> list[str]:
        """Return the host name of each registered tablet server."""
        ...

    def replicas(self, table: str) -> list[str]:
        """Return ``host:port`` of the tablet servers of a table, as the masters give it."""
        ...

    def scan(
        self, table: str, where: Mapping[str, Predicate], columns: Sequence[str]
    ) -> list[tuple[Cell, ...]]:
        """Return the rows that match, unordered; the tablet servers evaluate `where`."""
        ...

    def write(
        self, table: str, operation: Operation, rows: Sequence[Mapping[str, Cell]]
    ) -> list[Refusal]:
        """Write rows in their order and wait for all; return those that were refused."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...
