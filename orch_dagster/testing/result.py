"""The result of a job or an HQL file, as Python's values and as a frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from orch_dagster.testing.errors import KitError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from framework.report import LandingReport

_ORDERED = (str, int, float, Decimal, date, bytearray)


@dataclass(frozen=True)
class Result:
    """Rows that were read once, when the result was created.

    Attributes:
        frame: The rows as a frame of the session that made them.
        rows: The rows by column name, sorted by their columns from left to right, nulls first. A
            timestamp is a datetime in the session's time zone, not in the machine's.
        columns: Spark's type of each column.
    """

    frame: DataFrame = field(repr=False)
    rows: list[dict[str, Any]]
    columns: Mapping[str, str]

    @classmethod
    def of(cls, frame: DataFrame) -> Result:
        """Compute the frame and return its result."""
        collected = [row.asDict(recursive=True) for row in _with_local_times(frame).collect()]
        return cls(frame, sorted(collected, key=_by_columns), dict(frame.dtypes))


@dataclass(frozen=True)
class Landed:
    """What a job landed for a date.

    Attributes:
        sinks: The content of each of its sinks for the date; empty for a job without sinks.
        report: The job's report; None for a job without sinks.
    """

    sinks: tuple[Result, ...]
    report: LandingReport | None

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The rows of the first sink, in the form of Result.rows."""
        return self._first.rows

    @property
    def columns(self) -> Mapping[str, str]:
        """Spark's type of each column of the first sink."""
        return self._first.columns

    @property
    def frame(self) -> DataFrame:
        """The content of the first sink for the date."""
        return self._first.frame

    @property
    def _first(self) -> Result:
        if not self.sinks:
            raise KitError(
                "the job has no sinks: read what its script wrote below landing.root, by "
                "landing.spark"
            )
        return self.sinks[0]


def _with_local_times(frame: DataFrame) -> DataFrame:
    """Return the frame with timestamps in the session's time zone, not in this process's."""
    from framework.columns import column

    if "timestamp" not in dict(frame.dtypes).values():
        return frame
    return frame.select(
        [
            column(name).cast("timestamp_ntz" if type_ == "timestamp" else type_).alias(name)
            for name, type_ in frame.dtypes
        ]
    )


def _by_columns(row: Mapping[str, Any]) -> list[tuple[bool, Any]]:
    return [
        (value is not None, value if isinstance(value, _ORDERED) else repr(value))
        for value in row.values()
    ]
