"""Import Spark's own PySpark from its folder, where its code is compiled.

Spark puts its zip on the path of a driver's Python, which would compile all of PySpark at each
start: 0.4 s, which the folder beside the zip spares.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

from framework.contract.variables import PYSPARK_DIR

_PACKAGE = "pyspark"


class UnzippedPySpark:
    """Finds the package pyspark in a folder; the path of all other modules stays as it is."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return where pyspark is; None for another module, or if the folder has it no more."""
        if fullname != _PACKAGE:
            return None
        found = PathFinder.find_spec(fullname, [self._folder])
        # A folder without modules would be found too, as a part of a package.
        return found if found and found.origin else None


def prefer_unzipped() -> None:
    """Have pyspark imported from the folder that the orchestrator names (JOB_PYSPARK_DIR), if any.

    What is imported already stays.
    """
    if folder := os.environ.get(PYSPARK_DIR):
        sys.meta_path.insert(0, UnzippedPySpark(folder))
