"""Dagster's own way to follow the message file of a Pipes session.

Missing: a public reader that waits for the rest of a line. Buys: PipesFileMessageReader takes a
piece of a long message for the whole and fails. Can go when Dagster's reader reads whole lines.
"""

from __future__ import annotations

from dagster._utils import tail_file

__all__ = ["tail_file"]
