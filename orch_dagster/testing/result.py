"""The result of a job or an HQL file, as Python's values and as a frame."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from orch_dagster.testing.errors import KitError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from framework.report import LandingReport

_TIMES = ("timestamp", "timestamp_ntz")
_ORDERED = (str, int, float, Decimal, date, bytearray)


@dataclass(frozen=True)
class Result:
    """Rows that were read once, when the result was created.

    Attributes:
        frame: The rows as a frame of the session that made them.
        rows: The rows by column name, sorted by their columns from left to right, nulls first. A
            timestamp is a datetime in the session's time zone, not in the machine's; one after the
            year 9999, of which Python has none, is the text that Spark writes.
        columns: Spark's type of each column.
    """

    frame: DataFrame = field(repr=False)
    rows: list[dict[str, Any]]
    columns: Mapping[str, str]

    @classmethod
    def of(cls, frame: DataFrame) -> Result:
        """Compute the frame and return its result."""
        types = dict(frame.dtypes)
        times = [name for name, type_ in types.items() if type_ in _TIMES]
        collected = [row.asDict(recursive=True) for row in _with_texts(frame, times).collect()]
        for row in collected:
            row |= {name: time_of(row[name]) for name in times}
        return cls(frame, sorted(collected, key=_by_columns), types)


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


def time_of(text: str | None) -> datetime | str | None:
    """Return the time of a text that Spark makes of a timestamp; the text if Python has none.

    >>> time_of("9999-12-31 23:59:59.5")
    datetime.datetime(9999, 12, 31, 23, 59, 59, 500000)
    >>> time_of("+10000-01-01 00:00:00"), time_of(None)
    ('+10000-01-01 00:00:00', None)
    """
    if text is None:
        return None
    whole, _, fraction = text.partition(".")
    try:
        return datetime.fromisoformat(f"{whole}.{fraction:0<6}")
    except ValueError:
        return text


def _with_texts(frame: DataFrame, times: Collection[str]) -> DataFrame:
    """Return the frame with timestamps as texts on the clock of the session's time zone.

    By themselves they would be on this process's, and on Windows none before 1970 or after 3000.
    """
    from framework.columns import column

    if not times:
        return frame
    return frame.select(
        [
            column(name).cast("string").alias(name) if name in times else column(name)
            for name in frame.columns
        ]
    )


def _by_columns(row: Mapping[str, Any]) -> list[tuple[bool, Any]]:
    return [
        (value is not None, value if isinstance(value, _ORDERED) else repr(value))
        for value in row.values()
    ]
