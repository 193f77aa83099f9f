"""The one root of this package's errors; what to do is decided by type, never by text."""

from __future__ import annotations

from collections.abc import Sequence


class OrchError(Exception):
    """Anything this package refuses or could not do; its text says what, where and what to do."""


class SettingsError(OrchError):
    """An environment setting has a value that cannot be used."""


class StoreError(OrchError):
    """The control store failed.

    Args:
        message: What happened and the remedy.
        store: The store's address, without its password.
        table: The table in question, if one was.
    """

    def __init__(self, message: str, *, store: str, table: str | None = None) -> None:
        where = f"control store {store}" + (f", table {table}" if table else "")
        super().__init__(f"{where}: {message}")
        self.store = store
        self.table = table


class TransientStoreError(StoreError):
    """Worth another try: a reset connection, a lock, a timeout."""


class PermanentStoreError(StoreError):
    """Another try gives the same answer: a missing table, a bad value, a wrong address."""


class RowError(OrchError):
    """A value does not fit its column, found before the store saw it.

    Args:
        problems: One sentence for each bad value, all of them.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


class UnknownJobError(OrchError):
    """No valid row of job_master has that job name."""


class UnknownRunError(OrchError):
    """No run of Dagster's instance, or more than one, has that id."""


class NotReadyError(OrchError):
    """A run cannot start: its date is not open, or a parent has not completed it."""
