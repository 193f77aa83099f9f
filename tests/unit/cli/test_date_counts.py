"""What a command that lands many dates says as each of them ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

from orch_dagster.cli.date_counts import DateCounts
from orch_dagster.execution_log import DateResult, StepReport

START = datetime(2024, 5, 15, tzinfo=timezone.utc)


def report(job_name: str, **ends: DateResult) -> StepReport:
    days = {day.replace("_", "-").lstrip("d"): end for day, end in ends.items()}
    return StepReport(job_name, "J", tuple(days), START, ends=days)


def landed(rows: int | None, seconds: float) -> DateResult:
    return DateResult("completed", START + timedelta(seconds=seconds), row_count=rows)


def test_dates_are_counted_by_job_as_they_end() -> None:
    counts = DateCounts(13)
    assert counts.is_of_many
    one = report("a", d2024_05_13=landed(1_234, 12.3))
    assert [*counts.sentences(one)] == ["a 2024-05-13 landed 1,234 rows in 12.3 s (1 of 13 dates)"]
    two = report("a", d2024_05_14=landed(1, 2), d2024_05_15=landed(1, 2))
    assert [*counts.sentences(two)] == [
        "a 2024-05-14 landed 1 rows in 2.0 s (2 of 13 dates)",
        "a 2024-05-15 landed 1 rows in 2.0 s (3 of 13 dates)",
    ]
    other = report("b", d2024_05_13=landed(None, 1))
    assert [*counts.sentences(other)] == ["b 2024-05-13 completed (1 of 13 dates)"]
    # What is reported again is told once, and told anew of another attempt.
    assert [*counts.sentences(one)] == []
    assert next(counts.sentences(replace(one, attempt=2))).endswith("(3 of 13 dates)")


def test_dates_that_fail_alike_are_one_line() -> None:
    failed = DateResult("failed", START, "no such source: x")
    ends = {f"d2024_05_{day}": failed for day in range(10, 20)}
    assert [*DateCounts(13).sentences(report("a", **ends))] == [
        "a 2024-05-10 to 2024-05-19 (10 dates) failed: no such source: x (10 of 13 dates)"
    ]
    canceled = report("a", d2024_05_10=DateResult("canceled", START))
    assert [*DateCounts(2).sentences(canceled)] == ["a 2024-05-10 canceled (1 of 2 dates)"]
