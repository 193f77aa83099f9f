"""Columns by name, whatever their names hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import Column


def column(*path: str) -> Column:
    """The column of that name; further names go down into its struct."""
    from pyspark.sql import functions

    return functions.col(".".join(quoted(name) for name in path))


def quoted(name: str) -> str:
    """The name as SQL takes it."""
    return "`" + name.replace("`", "``") + "`"
