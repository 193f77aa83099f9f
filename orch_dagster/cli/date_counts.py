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
        # By job and date, what was told of it last.
        self._told: dict[str, dict[str, tuple[int, str]]] = defaultdict(dict)

    @property
    def is_of_many(self) -> bool:
        """Return whether there is something to count."""
        return self.total > 1

    def sentences(self, report: StepReport) -> Iterator[str]:
        """Yield a sentence for each end that was not told before, one for dates that end alike."""
        told = self._told[report.job_name]
        alike: dict[tuple[str, str], list[str]] = defaultdict(list)
        for day, result in sorted(report.ends.items()):
            text = _end(report, result)
            if told.get(day) != (report.attempt, text):
                # What landed has a sentence of its own.
                alike[text, "" if result.row_count is None else day].append(day)
        for (text, _), days in alike.items():
            told.update(dict.fromkeys(days, (report.attempt, text)))
            yield f"{report.job_name} {_named(days)} {text} ({len(told)} of {self.total} dates)"


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
