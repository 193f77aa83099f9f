"""orch dates: the business dates of groups, by job: landed, failed, running, open or closed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import click
from rich.cells import cell_len
from rich.text import Text

from framework.contract.visible import visible
from orch_dagster.cli import output
from orch_dagster.cli.arguments import BIZ_DT, as_json, loaded
from orch_dagster.cli.completion import JOB
from orch_dagster.cli.log_lines import status_word
from orch_dagster.cli.log_rows import started
from orch_dagster.control.connect import opened_store
from orch_dagster.control.records import COMPLETED, STARTED, ProcessControl, read_records
from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import EXECUTION_LOG, Row
from orch_dagster.registry.jobs import Group, JobSpec
from orch_dagster.registry.names import find_jobs
from orch_dagster.schedule.backfill import days_of_range
from orch_dagster.settings import load_settings

LANDED, FAILED, RUNNING, OPEN, CLOSED = "landed", "failed", "running", "open", "closed"
_STATES = (LANDED, FAILED, RUNNING, OPEN, CLOSED)
_MARKS = {LANDED: "L", FAILED: "F", RUNNING: "R", OPEN: "o", CLOSED: "."}
_STYLES = {LANDED: "green", FAILED: "bold red", RUNNING: "cyan", OPEN: "yellow", CLOSED: "dim"}

# About a month, which a line of 80 columns holds beside a job's name.
_DAYS_SHOWN = 31
_DAYS_A_LINE = 31
_COLUMNS = ["biz_dt", "status", "start_time", "row_count", "run_id", "end_time"]


@dataclass(frozen=True)
class JobDate:
    """A business date of a job: its state, and the row of execution_log that says so, if any."""

    biz_dt: str
    state: str
    row: Row | None = None


@dataclass(frozen=True)
class GroupDates:
    """The dates of a group's jobs, each with the same days in order."""

    group: Group
    days: tuple[str, ...]
    by_job: Mapping[str, Sequence[JobDate]]
    open_dates: int


@click.command("dates")
@click.argument("group", required=False, type=JOB)
@click.option("--biz-dt", "biz_dts", type=BIZ_DT, multiple=True, help="Only this business date.")
@click.option("--from", "first", type=BIZ_DT, help="First date; by default 30 days before --to.")
@click.option("--to", "last", type=BIZ_DT, help="Last date; by default the newest open one.")
@as_json
def dates(
    group: str | None,
    biz_dts: tuple[str, ...],
    first: str | None,
    last: str | None,
    is_json: bool,
) -> None:
    """Show which business dates the jobs of GROUP, or of all groups, have landed.

    A date is landed, failed (its newest run), running, open (not landed yet) or closed (not open).
    """
    if biz_dts and (first or last):
        raise click.UsageError("give --biz-dt (once or more), or --from and --to")
    if first and last and last < first:
        raise click.UsageError(f"--from {first} is after --to {last}")
    settings = load_settings()
    registry = loaded(settings).registry
    groups = [find_jobs(registry, group)] if group else list(registry.groups.values())
    with opened_store(settings) as store:
        shown = [dates_of_group(store, each, first, last, biz_dts) for each in groups]
    if is_json:
        output.print_json([document for each in shown for document in _documents(each)])
        return
    if not groups:
        output.say("No valid job.")
    for number, each in enumerate(shown):
        if number:
            output.say("")
        for line in dates_lines(each, output.console.width):
            output.console.print(line)


def dates_of_group(
    store: ControlStore,
    group: Group,
    first: str | None,
    last: str | None,
    biz_dts: Sequence[str] = (),
) -> GroupDates:
    """Read the dates of a group's jobs; without any, those up to the newest open date."""
    if biz_dts:
        first, last = min(biz_dts), max(biz_dts)
    rows = read_records(store, ProcessControl, group.key.columns, columns=["biz_dt"])
    is_open = {row.biz_dt for row in rows}
    if not (first and last) and not is_open:
        return GroupDates(group, (), {spec.job_name: () for spec in group.jobs}, 0)
    last = last or max(max(is_open), first or "")
    first = first or _days_before(last, _DAYS_SHOWN - 1)
    days = tuple(sorted({*biz_dts})) or days_of_range(first, last)
    newest: dict[tuple[str, str], Row] = {}
    landed: dict[tuple[str, str], Row] = {}
    columns = ["id", "job_id", *_COLUMNS]
    for row in store.read(EXECUTION_LOG, {"job_id": list(group.job_ids)}, columns):
        if not first <= str(row["biz_dt"] or "") <= last:
            continue
        key = str(row["job_id"]), str(row["biz_dt"])
        if key not in newest or started(newest[key]) <= started(row):
            newest[key] = row
        is_newer = key not in landed or started(landed[key]) <= started(row)
        if row["status"] == COMPLETED and is_newer:
            landed[key] = row

    def job_date(spec: JobSpec, day: str) -> JobDate:
        key = spec.job_id, day
        row = newest.get(key)
        word = status_word(row) if row else ""
        if day not in is_open:
            return JobDate(day, CLOSED, landed.get(key))
        if row and word == STARTED:
            return JobDate(day, RUNNING, row)
        if row and word == "Failed":
            return JobDate(day, FAILED, row)
        if key in landed:
            return JobDate(day, LANDED, landed[key])
        return JobDate(day, OPEN, row)

    by_job = {spec.job_name: [job_date(spec, day) for day in days] for spec in group.jobs}
    return GroupDates(group, days, by_job, len(is_open))


def dates_lines(shown: GroupDates, width: int) -> Iterator[Text]:
    """Yield the lines of a group: for each job its counts, and a mark for each day.

    Args:
        shown: The dates.
        width: That of the terminal; days that don't fit go on further lines.
    """
    name = visible(shown.group.name)
    if not shown.days:
        yield Text(
            f"{name}: no date is open; open one with `orch open {name} --biz-dt DATE`", "bold"
        )
        return
    yield Text(
        f"{name}, {shown.days[0]} to {shown.days[-1]} (open dates in all: {shown.open_dates})",
        "bold",
    )
    days_a_line = max(7, min(_DAYS_A_LINE, width - 8))
    for job_name, of_job in shown.by_job.items():
        counts = Counter(each.state for each in of_job)
        text = ", ".join(f"{state} {counts[state]}" for state in _STATES if counts[state])
        job = visible(job_name)
        is_one_line = cell_len(job) + 2 + len(text) <= width
        yield Text(f"{job}  {text}" if is_one_line else job)
        if not is_one_line:
            yield Text(f"  {text}")
        for chunk in _months(of_job, days_a_line):
            line = Text(f"  {chunk[0].biz_dt}  ")
            for each in chunk:
                line.append(_MARKS[each.state], _STYLES[each.state])
            yield line
    legend = Text("  ")
    for state in _STATES:
        legend.append(_MARKS[state], _STYLES[state])
        legend.append(f" {state}  ")
    yield legend


def _months(of_job: Sequence[JobDate], days_a_line: int) -> Iterator[Sequence[JobDate]]:
    """Yield the days of each line: a month's at most, so that days are found by their place."""
    line: list[JobDate] = []
    for each in of_job:
        if line and (each.biz_dt[:7] != line[0].biz_dt[:7] or len(line) == days_a_line):
            yield line
            line = []
        line.append(each)
    yield line


def _documents(shown: GroupDates) -> Iterator[dict[str, Any]]:
    ids = {spec.job_name: spec.job_id for spec in shown.group.jobs}
    for job_name, of_job in shown.by_job.items():
        counts = Counter(each.state for each in of_job)
        yield {
            "group": shown.group.name,
            "job_name": job_name,
            "job_id": ids[job_name],
            "counts": {state: counts[state] for state in _STATES},
            "dates": [
                {
                    "biz_dt": each.biz_dt,
                    "state": each.state,
                    "row_count": each.row["row_count"] if each.row else None,
                    "run_id": each.row["run_id"] if each.row else None,
                }
                for each in of_job
            ],
        }


def _days_before(day: str, count: int) -> str:
    return (date.fromisoformat(day) - timedelta(count)).isoformat()
