"""The runs that orch run makes: their dates, their jobs, and what they reprocess."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import click

from orch_dagster.cli.due import due_reader, read_due, why_waiting
from orch_dagster.cli.instance import opened_instance
from orch_dagster.cli.output import say
from orch_dagster.control.connect import opened_store
from orch_dagster.control.open_dates import (
    newest_row,
    not_open_text,
    open_command,
    opened_row,
)
from orch_dagster.control.records import ProcessControl, read_records
from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import PROCESS_CONTROL
from orch_dagster.errors import NotReadyError, TransientStoreError
from orch_dagster.registry.jobs import Group, JobSpec
from orch_dagster.registry.location import Location
from orch_dagster.schedule.backfill import dates_to_run, days_of_range
from orch_dagster.schedule.due import DueDate, runs_of


@dataclass(frozen=True)
class DatesAsked:
    """The dates that the options of orch run name.

    Attributes:
        biz_dts: Dates that are named one by one.
        first: The first date of a range.
        last: Its last date.
        missing: Whether only dates that have not completed, or are to be reprocessed, are run.
        due: Whether the dates that are due are run.
    """

    biz_dts: tuple[str, ...]
    first: str | None
    last: str | None
    missing: bool
    due: bool

    def check(self) -> None:
        """Refuse options that do not fit together.

        Raises:
            click.UsageError: If they don't.
        """
        if self.biz_dts:
            fits = not (self.first or self.last or self.missing or self.due)
        elif self.due:
            fits = not self.missing
        else:
            fits = bool(self.first and self.last)
        if not fits:
            raise click.UsageError(
                "give --biz-dt (once or more), or --from and --to (optionally with --missing), or "
                "--due (optionally with --from and --to)"
            )
        if self.first and self.last and self.last < self.first:
            raise click.UsageError(f"--from {self.first} is after --to {self.last}")

    def has(self, biz_dt: str) -> bool:
        """Tell whether the range has the date; a missing end has all dates."""
        return (self.first or biz_dt) <= biz_dt <= (self.last or biz_dt)


@dataclass(frozen=True)
class PlannedRun:
    """One run.

    Attributes:
        job: The name of the job or group whose jobs it runs.
        biz_dts: Its dates, oldest first.
        specs: The jobs, if they are not all of them.
        reprocess: The rows of its dates whose reprocess_dt is due.
        new_dates: The dates that are to be opened first.
        is_due: Whether its dates were due.
    """

    job: str
    biz_dts: tuple[str, ...]
    specs: tuple[JobSpec, ...] | None = None
    reprocess: Mapping[str, ProcessControl] = field(default_factory=dict)
    new_dates: tuple[str, ...] = ()
    is_due: bool = False


def planned_runs(location: Location, job: str, group: Group, asked: DatesAsked) -> list[PlannedRun]:
    """Return the runs for the dates that are asked for, and print the skipped ones on stderr.

    Raises:
        NotReadyError: If no date of a range is open, or a named date is not.
    """
    if asked.due:
        return _of_due(location, job, group, asked)
    try:
        return _of_days(location, job, group, asked)
    except TransientStoreError:
        if len(asked.biz_dts) > 1 or not asked.biz_dts:
            raise
        # The run fails by itself, and leaves its row, if the store stays away.
        return [PlannedRun(job, asked.biz_dts)]


def _of_days(location: Location, job: str, group: Group, asked: DatesAsked) -> list[PlannedRun]:
    days = asked.biz_dts or days_of_range(str(asked.first), str(asked.last))
    days = tuple(sorted(set(days)))
    with opened_store(location.settings) as store:
        again, held = _of_runs(location, store, group, days) if asked.missing else ({}, {})
        dates = dates_to_run(store, group, days, only_missing=asked.missing, again=again)
        bad = store.read_stored(PROCESS_CONTROL, group.key.columns).bad if dates.not_open else []
    to_run = [day for day in dates.to_run if day not in held]
    if asked.biz_dts and len(dates.not_open) == 1:
        raise NotReadyError(not_open_text(group.key, dates.not_open, bad))
    if dates.not_open and asked.biz_dts:
        raise NotReadyError(
            f"not open: {', '.join(dates.not_open)}; open each, such as with "
            f"{open_command(group.key, dates.not_open[0])}"
        )
    if dates.not_open:
        say(f"skipped, because they are not open: {', '.join(dates.not_open)}", err=True)
    if dates.completed:
        say(f"skipped, because they have completed: {', '.join(dates.completed)}", err=True)
    for day in dates.to_run:
        if day in held:
            say(f"skipped: {day}: run {held[day]} of that date has not ended", err=True)
    if not dates.to_run and not dates.completed:
        raise NotReadyError(
            f"no business date from {days[0]} to {days[-1]} is open; open one with "
            f"{open_command(group.key, days[0])}"
        )
    return [
        PlannedRun(job, batch, reprocess={day: again[day] for day in batch if day in again})
        for batch in replace(dates, to_run=tuple(to_run)).batches(location.settings.dates_per_run)
    ]


def open_dates(store: ControlStore, group: Group, biz_dts: Sequence[str]) -> None:
    """Open dates as a schedule's tick does, and name them on stderr."""
    if not biz_dts:
        return
    rows = read_records(store, ProcessControl, group.key.columns)
    new = [opened_row(group.key, day, newest_row(rows)).to_row() for day in biz_dts]
    store.insert_ignore(PROCESS_CONTROL, new)
    say(f"opened: {', '.join(biz_dts)}", err=True)


def _of_due(location: Location, job: str, group: Group, asked: DatesAsked) -> list[PlannedRun]:
    settings = location.settings
    with opened_store(settings) as store, opened_instance(settings) as instance:
        due = read_due(due_reader(location, instance, store), group)
    due = [each for each in due if asked.has(each.biz_dt)]
    if not due:
        say("no date is due", err=True)
    for each in due:
        if waits := why_waiting(each):
            say(f"left out: {each.biz_dt}: {waits}", err=True)
    return [_of_dates(job, group, dates) for dates in runs_of(due, settings.dates_per_run)]


def _of_dates(job: str, group: Group, dates: Sequence[DueDate]) -> PlannedRun:
    specs = dates[0].specs
    return PlannedRun(
        job=job,
        biz_dts=tuple(each.biz_dt for each in dates),
        specs=None if specs == group.jobs else specs,
        reprocess={each.biz_dt: each.reprocess for each in dates if each.reprocess},
        new_dates=tuple(each.biz_dt for each in dates if not each.is_open),
        is_due=True,
    )


def _of_runs(
    location: Location, store: ControlStore, group: Group, days: Sequence[str]
) -> tuple[Mapping[str, ProcessControl], Mapping[str, str]]:
    """Return the rows of the dates that are to be reprocessed, and the dates that a run holds."""
    with opened_instance(location.settings) as instance:
        reader = due_reader(location, instance, store)
        rows = reader.reprocess_rows(group)
        return {day: row for day, row in rows.items() if day in set(days)}, reader.held(group, days)
