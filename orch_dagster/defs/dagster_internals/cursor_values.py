"""Texts by key in Dagster's instance, for the cursors of schedules.

Missing: a documented store of an instance for a schedule's own state; only sensors have a cursor.
Buys: a schedule's missed dates and waiting jobs survive a daemon that dies within a tick. Can go
when schedules have a cursor.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagster import DagsterInstance


def read_cursor_values(instance: DagsterInstance, keys: Collection[str]) -> Mapping[str, str]:
    """Return the texts of those keys that have one."""
    return instance.daemon_cursor_storage.get_cursor_values({*keys})


def write_cursor_value(instance: DagsterInstance, key: str, text: str) -> None:
    """Store the text of a key."""
    instance.daemon_cursor_storage.set_cursor_values({key: text})
