"""Tell each date of a run of many as it ends, and how many of them have."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from orch_dagster.cli.log_lines import duration_text
from orch_dagster.execution_log import DateResult, StepReport

_NAMED_AT_MOST = 5


class DateCounts:
    """Counts the ended dates of each job of a command, which may make several runs.

    Args:
        total: How many dates the command runs.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self._ended: dict[str, set[str]] = defaultdict(set)

    @property
    def is_of_many(self) -> bool:
        """Whether there is something to count."""
        return self.total > 1

    def sentences(self, report: StepReport) -> Iterator[str]:
        """Yield a sentence for each end in a report, one for dates that end alike."""
        alike: dict[tuple[str, str | None, int | None], list[tuple[str, DateResult]]] = {}
        for day, result in sorted(report.ends.items()):
            key = (result.status, result.message, result.row_count)
            # What landed has its own number of rows and its own time.
            alike.setdefault(key if result.row_count is None else (day, None, None), []).append(
                (day, result)
            )
        for of_key in alike.values():
            days = [day for day, _ in of_key]
            result = of_key[0][1]
            ended = self._ended[report.job_name]
            ended |= set(days)
            yield (
                f"{report.job_name} {_named(days)} {_end(report, result)} "
                f"({len(ended)} of {self.total} dates)"
            )


def _named(days: list[str]) -> str:
    if len(days) <= _NAMED_AT_MOST:
        return ", ".join(days)
    return f"{days[0]} to {days[-1]} ({len(days)} dates)"


def _end(report: StepReport, result: DateResult) -> str:
    if result.status != "completed":
        return result.status + (f": {result.message}" if result.message else "")
    if result.row_count is None:
        return "completed"
    seconds = (result.at - (result.started_at or report.started_at)).total_seconds()
    return f"landed {result.row_count:,} rows in {duration_text(seconds)}"
