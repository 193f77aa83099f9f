"""How many rows came out of the sources, from Spark's own metrics: it costs no pass.

df.observe would count too, but no filter and no choice of columns gets past it to the files.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from framework.logging import get_logger

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# The nodes of a plan that read: "Scan csv", "Scan JDBCRelation(..)", "BatchScan ..", but not those
# of rows that Spark has itself.
_SCANS = ("Scan ", "BatchScan")
_NO_SCANS = ("Scan ExistingRDD", "Scan OneRowRelation")
_ROWS = "number of output rows"

_T = TypeVar("_T")


class Scans:
    """Counts the rows that the scans of queries gave."""

    def __init__(self, spark: SparkSession) -> None:
        self._spark: Any = spark
        # By the id of a scan's metric; None once Spark did not tell.
        self._rows: dict[int, int] | None = {}

    @contextmanager
    def counted(self) -> Generator[None]:
        """A block whose queries count."""
        before = self._told(self._newest)
        yield
        if self._rows is None or before is None:
            self._rows = None
            return
        found = self._told(lambda: dict(self._since(before)))
        if found is None:
            self._rows = None
            return
        for metric, rows in found.items():
            # A query that reads what another has cached has that one's scans in its plan too.
            self._rows[metric] = max(rows, self._rows.get(metric, 0))

    @property
    def row_count(self) -> int | None:
        """The rows so far; None where Spark does not tell, or nothing was scanned."""
        return sum(self._rows.values()) if self._rows else None

    def _told(self, ask: Callable[[], _T]) -> _T | None:
        from py4j.protocol import Py4JError

        try:
            return ask()
        except Py4JError as error:
            # What is asked is no public interface of Spark: another version's may differ.
            first_line = str(error).partition("\n")[0]
            get_logger("framework.scans").info("the rows read stay unknown: %s", first_line)
            return None

    def _store(self) -> Any:
        return self._spark._jsparkSession.sharedState().statusStore()

    def _newest(self) -> int:
        """The id of the newest query, -1 before the first."""
        # Spark's own listener comes to know of what has happened a little later.
        self._spark.sparkContext._jsc.sc().listenerBus().waitUntilEmpty()
        store = self._store()
        count = int(store.executionsCount())
        return int(store.executionsList(count - 1, 1).head().executionId()) if count else -1

    def _since(self, before: int) -> Iterator[tuple[int, int]]:
        """Yield the id of each scan's metric and the rows that it gave."""
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
    """Yield what a Scala Seq holds."""
    return (sequence.apply(place) for place in range(sequence.size()))
