"""Count the rows read, and what was written, by Spark's own metrics, without another pass.

df.observe would count too, but it keeps filters and column pruning from reaching the files.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from framework.logging import get_logger
from framework.shared_job import shared_job

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# The plan nodes that read a source ("Scan csv", "Scan JDBCRelation(..)", "BatchScan .."), and those
# that read rows of Spark itself.
_SCANS = ("Scan ", "BatchScan")
_NO_SCANS = ("Scan ExistingRDD", "Scan OneRowRelation")
_ROWS = "number of output rows"
# The plan node of a write to files; each task counts what it wrote, where it ran.
_WRITE = "Execute InsertIntoHadoopFsRelationCommand"
_FILES = "number of written files"

_T = TypeVar("_T")


@dataclass(frozen=True)
class Written:
    """The rows and files that the tasks of a write have counted."""

    rows: int
    files: int


@dataclass
class Counted:
    """The counts of a block's queries; `written` is None if there was no write, or unknown."""

    written: Written | None = None


class Scans:
    """A counter of the rows that the scans of queries read."""

    def __init__(self, spark: SparkSession) -> None:
        self._spark: Any = spark
        # By the id of a scan's metric; None once Spark could not give one.
        self._rows: dict[int, int] | None = {}

    @contextmanager
    def counted(self) -> Generator[Counted]:
        """Count the scans and the last write of a block's queries, from its end on."""
        before, counted = self._asked(self._newest), Counted()
        yield counted
        if before is None:
            self._rows = None
            return
        rows_by_metric = self._asked(lambda: dict(self._since(before, counted)))
        if self._rows is None or rows_by_metric is None:
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
        # More than one if other jobs of the application began queries after the count.
        return int(store.executionsList(count - 1, 100).last().executionId()) if count else -1

    def _since(self, before: int, counted: Counted) -> Iterator[tuple[int, int]]:
        """Yield the id of each scan's metric and the rows that it read; note the last write."""
        newest, store = self._newest(), self._store()
        for execution in range(before + 1, newest + 1):
            if not self._is_own(store, execution):
                continue
            values = store.executionMetrics(execution)
            for node in _items(store.planGraph(execution).allNodes()):
                name = str(node.name())
                if name.startswith(_WRITE):
                    found = {metric: count for metric, _, count in _counts(node, values)}
                    if found.keys() == {_ROWS, _FILES}:
                        counted.written = Written(found[_ROWS], found[_FILES])
                elif name.startswith(_SCANS) and not name.startswith(_NO_SCANS):
                    for metric, accumulator, count in _counts(node, values):
                        if metric == _ROWS:
                            yield accumulator, count

    @staticmethod
    def _is_own(store: Any, execution: int) -> bool:
        """Return whether a query is this job's, and not of another in the same application."""
        job = shared_job()
        if job is None:
            return True
        # Spark may have numbered another job's query, and not noted it yet.
        found = store.execution(execution)
        return bool(found.isDefined()) and str(found.get().description()) == job.name


def _counts(node: Any, values: Any) -> Iterator[tuple[str, int, int]]:
    """Yield the name, the id and the value of each of a plan node's counts of rows and files."""
    for metric in _items(node.metrics()):
        name = str(metric.name())
        if name in (_ROWS, _FILES):
            value = values.get(metric.accumulatorId())
            if value.isDefined():
                yield name, int(metric.accumulatorId()), int(str(value.get()).replace(",", ""))


def _items(sequence: Any) -> Iterator[Any]:
    """Yield the items of a Scala Seq."""
    return (sequence.apply(place) for place in range(sequence.size()))
