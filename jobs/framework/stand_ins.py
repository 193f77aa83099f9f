"""Let empty views stand for tables while HQL is analyzed without data.

Where the columns of a table are not known, its view gets those that a query asks it for, so that
the rest of the query can be analyzed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from framework.columns import quoted

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import StructType

_WORD = re.compile(r"[^\W\d]\w*")


@dataclass
class _Open:
    """A table of which not all columns are known, and why."""

    reason: str
    columns: dict[str, str] = field(default_factory=dict[str, str])


class StandIns:
    """The views of a session that stand for tables.

    Args:
        spark: The session, whose temporary views they are.
    """

    def __init__(self, spark: SparkSession) -> None:
        self._spark = spark
        self._views: dict[tuple[str, ...], str] = {}
        self._open: dict[str, _Open] = {}

    def put(self, parts: Sequence[str], schema: StructType) -> None:
        """Make a view of a table whose columns are known."""
        view = self._view(parts)
        self._open.pop(view.lower(), None)
        empty_frame(self._spark, schema).createOrReplaceTempView(quoted(view))

    def put_open(self, parts: Sequence[str], reason: str, known: Collection[str] = ()) -> str:
        """Make a view of a table of which not all columns are known; return its name."""
        view = self._view(parts)
        columns = {name.lower(): name for name in known}
        self._open[view.lower()] = _Open(reason, columns)
        self._create(view)
        return view

    def view_of(self, parts: Sequence[str]) -> str | None:
        """Return the view that stands for a table, None if there is none."""
        return self._views.get(tuple(part.lower() for part in parts))

    def offer(self, names: Collection[str]) -> bool:
        """Give columns to the views of which not all are known; return whether any is new."""
        is_new = False
        for view, table in self._open.items():
            added = {name.lower(): name for name in names if name.lower() not in table.columns}
            if added:
                table.columns.update(added)
                self._create(view)
                is_new = True
        return is_new

    def unknown_in(self, text: str) -> list[str]:
        """Return why columns are not known, of each table that a statement may read."""
        words = {word.lower() for word in _WORD.findall(text)}
        return [table.reason for view, table in self._open.items() if view in words]

    def _view(self, parts: Sequence[str]) -> str:
        key = tuple(part.lower() for part in parts)
        is_word = len(parts) == 1 and _WORD.fullmatch(parts[0])
        name = parts[0] if is_word else f"_stand_in_{len(self._views)}"
        return self._views.setdefault(key, name)

    def _create(self, view: str) -> None:
        from pyspark.sql.types import NullType, StructField, StructType

        names = self._open[view.lower()].columns.values()
        # Spark casts the type of null to any other.
        schema = StructType([StructField(name, NullType()) for name in names])
        empty_frame(self._spark, schema).createOrReplaceTempView(quoted(view))


def empty_frame(spark: SparkSession, schema: StructType) -> DataFrame:
    """Return no rows of a schema; unlike createDataFrame it makes no RDD, which takes longer."""
    from pyspark.sql import DataFrame

    session: Any = spark
    parsed = session._jsparkSession.parseDataType(schema.json())
    rows = session._jvm.java.util.ArrayList()
    return DataFrame(session._jsparkSession.createDataFrame(rows, parsed), spark)
