"""The errors of this package, under one root; callers decide by type, never by text."""

from __future__ import annotations

from collections.abc import Sequence


class OrchError(Exception):
    """The root of this package's errors; the text names the fault, the place and the remedy."""


class SettingsError(OrchError):
    """An environment setting has a value that can't be used."""


class StoreError(OrchError):
    """The control store failed.

    Args:
        message: The fault and the remedy.
        store: The store's address, without its password.
        table: The table, if the fault is about one.
    """

    def __init__(self, message: str, *, store: str, table: str | None = None) -> None:
        where = f"control store {store}" + (f", table {table}" if table else "")
        super().__init__(f"{where}: {message}")
        self.store = store
        self.table = table


class TransientStoreError(StoreError):
    """A failure that a retry may cure: a reset connection, a lock, a timeout."""


class PermanentStoreError(StoreError):
    """A failure that a retry can't cure: a missing table, a bad value, a wrong address."""


class MissingTableError(PermanentStoreError):
    """The store has no such table yet, or there is no store: `orch init` creates both."""


class RowError(OrchError):
    """Values do not fit their columns; raised before anything is sent to the store.

    Args:
        problems: A sentence for each bad value.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


class UnknownJobError(OrchError):
    """No valid row of job_master has that job name."""


class UnknownRunError(OrchError):
    """No run of Dagster's instance, or more than one, has that id."""


class NotReadyError(OrchError):
    """A run can't start: its date is not open, or a parent has not completed it."""
