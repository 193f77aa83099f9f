"""Count the rows read from the sources by Spark's own metrics, without another pass.

df.observe would count too, but it keeps filters and column pruning from reaching the files.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from framework.logging import get_logger

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# The plan nodes that read a source ("Scan csv", "Scan JDBCRelation(..)", "BatchScan .."), and those
# that read rows of Spark itself.
_SCANS = ("Scan ", "BatchScan")
_NO_SCANS = ("Scan ExistingRDD", "Scan OneRowRelation")
_ROWS = "number of output rows"

_T = TypeVar("_T")


class Scans:
    """A counter of the rows that the scans of queries read."""

    def __init__(self, spark: SparkSession) -> None:
        self._spark: Any = spark
        # By the id of a scan's metric; None once Spark could not give one.
        self._rows: dict[int, int] | None = {}

    @contextmanager
    def counted(self) -> Generator[None]:
        """Count the scans of a block's queries."""
        before = self._asked(self._newest)
        yield
        if self._rows is None or before is None:
            self._rows = None
            return
        rows_by_metric = self._asked(lambda: dict(self._since(before)))
        if rows_by_metric is None:
            self._rows = None
            return
        for metric, rows in rows_by_metric.items():
            # The plan of a query on cached rows repeats the scans of the query that cached them.
            self._rows[metric] = max(rows, self._rows.get(metric, 0))

    @property
    def row_count(self) -> int | None:
        """Return the rows so far, or None if Spark gave no metrics or nothing was scanned."""
        return sum(self._rows.values()) if self._rows else None

    def _asked(self, ask: Callable[[], _T]) -> _T | None:
        from py4j.protocol import Py4JError

        try:
            return ask()
        except Py4JError as error:
            # Not a public interface of Spark, so another version's may differ.
            first_line = str(error).partition("\n")[0]
            get_logger("framework.scans").info("the number of rows read is unknown: %s", first_line)
            return None

    def _store(self) -> Any:
        return self._spark._jsparkSession.sharedState().statusStore()

    def _newest(self) -> int:
        """Return the id of the newest query, -1 before the first."""
        # Spark's status listener receives events with a delay.
        self._spark.sparkContext._jsc.sc().listenerBus().waitUntilEmpty()
        store = self._store()
        count = int(store.executionsCount())
        return int(store.executionsList(count - 1, 1).head().executionId()) if count else -1

    def _since(self, before: int) -> Iterator[tuple[int, int]]:
        """Yield the id of each scan's metric and the rows that it read."""
        newest, store = self._newest(), self._store()
        for execution in range(before + 1, newest + 1):
            values = store.executionMetrics(execution)
            for node in _items(store.planGraph(execution).allNodes()):
                name = str(node.name())
                if not name.startswith(_SCANS) or name.startswith(_NO_SCANS):
                    continue
                for metric in _items(node.metrics()):
                    value = values.get(metric.accumulatorId())
                    if metric.name() == _ROWS and value.isDefined():
                        yield int(metric.accumulatorId()), int(str(value.get()).replace(",", ""))


def _items(sequence: Any) -> Iterator[Any]:
    """Yield the items of a Scala Seq."""
    return (sequence.apply(place) for place in range(sequence.size()))
