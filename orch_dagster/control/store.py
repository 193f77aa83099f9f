"""The protocol of every control store; test_store_contract.py checks each store against it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol, TypeAlias, TypeVar

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_chain,
    wait_fixed,
)

from orch_dagster.control.stored_rows import BadRow, StoredRows
from orch_dagster.control.tables import Row, Table, Value
from orch_dagster.errors import TransientStoreError

Where: TypeAlias = Mapping[str, Value | Sequence[Value]]
"""Equality by column, pushed down to the store; a sequence means any of its values."""

T = TypeVar("T")

RETRY_WAITS_S = (1, 2, 4)


class ControlStore(Protocol):
    """Rows of the five tables, read by equality and written by key.

    Every method raises TransientStoreError if a retry may help and PermanentStoreError if it can't;
    writes raise RowError before anything is written.
    """

    @property
    def address(self) -> str:
        """The store's URL, without its password."""
        ...

    @property
    def shown(self) -> str:
        """The address as messages show it."""
        return self.address

    def ensure_tables(self) -> list[str]:
        """Create missing tables and add missing columns; drop nothing.

        Returns:
            A sentence for each change made; empty if nothing was missing.
        """
        ...

    def lacking_columns(self, table: Table) -> frozenset[str]:
        """Return the late columns that a table of an earlier version does not have yet."""
        ...

    def read(
        self, table: Table, where: Where | None = None, columns: Sequence[str] | None = None
    ) -> list[Row]:
        """Return the rows that match, with the named columns (default: all), in key order.

        Times come back as aware UTC datetimes. Rows with a value that their column can't have are
        left out, each with a warning in the log.
        """
        stored = self.read_stored(table, where, columns)
        stored.warn()
        return stored.rows

    def read_stored(
        self, table: Table, where: Where | None = None, columns: Sequence[str] | None = None
    ) -> StoredRows:
        """Return the same rows, and those that are left out."""
        ...

    def bad_rows(self, table: Table) -> list[BadRow]:
        """Return every row of a table that is left out when rows are read."""
        ...

    def remove_stored(self, row: BadRow) -> bool:
        """Delete a row that is set aside, read with its key; return whether it existed."""
        ...

    def insert_ignore(self, table: Table, rows: Sequence[Mapping[str, Value]]) -> None:
        """Write the rows whose key does not exist yet; leave the others unchanged."""
        ...

    def upsert(self, table: Table, rows: Sequence[Mapping[str, Value]]) -> None:
        """Write the rows; in an existing row only the given columns change."""
        ...

    def replace(
        self,
        table: Table,
        rows: Sequence[Mapping[str, Value]],
        removed: Sequence[Mapping[str, Value]],
    ) -> None:
        """Upsert the rows, and delete those with the ``removed`` keys, which are other keys.

        In one transaction where the store has them, else in that order. A new parent may take the
        place of a removed one in a job_dependency whose key allows one parent.
        """
        ...

    def update(self, table: Table, rows: Sequence[Mapping[str, Value]]) -> int:
        """Change the given columns of existing rows; create no row.

        Returns:
            The number of rows that existed.
        """
        ...

    def delete(self, table: Table, keys: Sequence[Mapping[str, Value]]) -> int:
        """Delete the rows with these full keys; return how many existed."""
        ...

    def ping(self) -> None:
        """Send the store its cheapest request."""
        ...

    def close(self) -> None:
        """Close the connections; a closed store can't be used again."""
        ...


def without_columns(
    rows: Sequence[Mapping[str, Value]], names: Collection[str]
) -> Sequence[Mapping[str, Value]]:
    """Return rows without the columns of these names."""
    if not names:
        return rows
    return [{name: row[name] for name in row if name not in names} for row in rows]


def with_retries(
    call: Callable[[], T],
    *,
    warn: Callable[[str], None],
    waits_s: Sequence[float] = RETRY_WAITS_S,
) -> T:
    """Call the store, with more tries after 1, 2 and 4 seconds on transient errors only.

    Args:
        call: The call to the store; must be safe to repeat.
        warn: Receives a message for each failed try that another follows.
        waits_s: Seconds before each further try; empty for one try.

    Raises:
        TransientStoreError: If the last try failed too.
    """

    def tell(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        wait_s = state.next_action.sleep if state.next_action else 0
        warn(f"{error}; trying again in {wait_s:g} s")

    return Retrying(
        retry=retry_if_exception_type(TransientStoreError),
        stop=stop_after_attempt(len(waits_s) + 1),
        # A chain of none is refused; after a single try nothing is waited for.
        wait=wait_chain(*map(wait_fixed, waits_s or (0,))),
        before_sleep=tell,
        reraise=True,
    )(call)
