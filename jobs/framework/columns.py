"""Columns by name, whatever characters the names hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import Column


def column(*path: str) -> Column:
    """Return the column of that name; further names select a field of its struct."""
    from pyspark.sql import functions

    return functions.col(".".join(quoted(name) for name in path))


def quoted(name: str) -> str:
    """Quote a name for SQL."""
    return "`" + name.replace("`", "``") + "`"
