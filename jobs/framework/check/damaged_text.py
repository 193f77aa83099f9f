"""Count the rows that are written with NUL or U+FFFD in a text, the traces of a wrong encoding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from framework.columns import column
from framework.logging import get_logger
from framework.plan import BIZ_DT

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_TRACES = ("\0", "\ufffd")


class TextWatch:
    """A watch on the top-level texts of rows, in the pass that writes or counts them."""

    def __init__(self, rows: DataFrame) -> None:
        """Begin a watch; `watched` are the rows to write or to count, once."""
        from pyspark.sql import Observation, functions
        from pyspark.sql.types import StringType

        self._columns = [
            field.name
            for field in rows.schema.fields
            if isinstance(field.dataType, StringType) and field.name.lower() != BIZ_DT
        ]
        self._observation = Observation()
        self.watched = rows
        if self._columns:
            counts: list[Any] = []
            for place, name in enumerate(self._columns):
                first, second = (column(name).contains(trace) for trace in _TRACES)
                counts.append(functions.count_if(first | second).alias(str(place)))
            self.watched = rows.observe(self._observation, *counts)

    def damaged(self) -> Mapping[str, int] | None:
        """Return by column how many rows of the pass have such a text, or None if unknown."""
        from py4j.protocol import Py4JJavaError

        if not self._columns:
            return {}
        frame: Any = self.watched
        # Spark tells the counts by its listeners, which it serves with a delay.
        observation: Any = self._observation
        try:
            frame.sparkSession.sparkContext._jsc.sc().listenerBus().waitUntilEmpty()
        except Py4JJavaError as error:
            # It waits for 10 s at most.
            get_logger("framework.verify").warning("Spark's listeners are late: %s", error)
        if not observation._jo.future().isCompleted():
            get_logger("framework.verify").warning("whether texts are damaged is unknown")
            return None
        counts = self._observation.get
        found = ((name, counts[str(place)]) for place, name in enumerate(self._columns))
        return {name: count for name, count in found if count}
