"""A tick of a schedule: opens the business dates that are due, and requests their runs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import dagster as dg

from framework.contract.system_settings import SCHEDULE_CATCHUP
from orch_dagster.control.completions import completed
from orch_dagster.control.connect import opened_store
from orch_dagster.control.open_dates import newest_row, open_command, opened_row
from orch_dagster.control.records import ProcessControl
from orch_dagster.control.store import ControlStore, with_retries
from orch_dagster.control.tables import PROCESS_CONTROL
from orch_dagster.defs.dagster_internals.previews import is_preview, tick_log
from orch_dagster.defs.open_partitions import add_open_dates
from orch_dagster.defs.partitions import run_key_of
from orch_dagster.defs.schedule.cursor import (
    WAITING_SENSOR,
    Requests,
    ScheduleCursor,
    read_cursors,
    requested_dates,
    requested_separately,
    write_cursor,
)
from orch_dagster.defs.schedule.dated_runs import DatedRuns
from orch_dagster.defs.schedule.schedule_requests import DatesOfRun, NextRun
from orch_dagster.registry.location import Location
from orch_dagster.schedule.blocked_jobs import blocked_jobs
from orch_dagster.schedule.due_dates import DueDates, catchup_start, due_dates
from orch_dagster.schedule.schedules import Schedule
from orch_dagster.schedule.settings import TickParams, fetch_tick_params


@dataclass(frozen=True)
class _TickFacts:
    """The facts by which a tick decides.

    Attributes:
        params: The schedule's parameters.
        biz_dt: The tick's business date.
        rows: The open dates of the group.
        requested: The runs that the schedule requested.
        separate: Returns the jobs that a date's run left out and that now have a run.
        cursor: The cursor that the previous tick wrote.
        up_to: The date up to which no business day is missed.
    """

    params: TickParams
    biz_dt: date
    rows: Mapping[str, ProcessControl]
    requested: Requests
    separate: Callable[[str], frozenset[str]]
    cursor: ScheduleCursor
    up_to: date


def evaluate_tick(
    schedule: Schedule,
    siblings: Sequence[str],
    location: Location,
    context: dg.ScheduleEvaluationContext,
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Yield a run request for each date that is due, or a skip reason.

    Args:
        schedule: The schedule.
        siblings: The names of all schedules of its group.
        location: The registry, as it was when the location loaded.
        context: Dagster's context of the tick.

    Raises:
        TickParamError: If a sys_param of the schedule is invalid.
        StoreError: If the control store can't be read or written. The next tick requests the dates
            of this one too.
    """
    with opened_store(location.settings) as store:
        tick = _Tick(schedule, siblings, location, context, store)
        answer = with_retries(tick.answer, warn=tick_log(context).warning)
    yield from answer


class _Tick:
    def __init__(
        self,
        schedule: Schedule,
        siblings: Sequence[str],
        location: Location,
        context: dg.ScheduleEvaluationContext,
        store: ControlStore,
    ) -> None:
        self._schedule = schedule
        self._siblings = siblings
        self._location = location
        self._instance = context.instance
        self._at = context.scheduled_execution_time
        self._is_preview = is_preview(context)
        self._log = tick_log(context)
        self._store = store
        self._runs = DatedRuns(context.instance)

    def answer(self) -> Sequence[dg.RunRequest | dg.SkipReason]:
        """Return the tick's requests, or its skip reason; repeating it is safe."""
        params = fetch_tick_params(self._store, self._schedule, self._location.settings)
        local = self._at.astimezone(ZoneInfo(self._schedule.timezone)).date()
        group = self._schedule.group.name
        if why := params.calendar.why_closed(local):
            return [dg.SkipReason(f"{local} is {why} for {group}: no business date is due")]
        biz_dt = params.calendar.before(local, params.offset)
        if biz_dt.isoformat() < self._location.first_biz_dt:
            return [dg.SkipReason(self._before_the_first(biz_dt))]
        name = self._schedule.name
        rows, cursor = self._rows(), read_cursors(self._instance, [name])[name]
        facts = _TickFacts(
            params,
            biz_dt,
            rows,
            requested_dates(self._instance, name, self._runs),
            cache(requested_separately(self._instance, name, self._runs).names),
            cursor,
            self._up_to(params, biz_dt, rows, cursor),
        )
        due = self._due(facts)
        days = sorted({*(day.isoformat() for day in due.dates), *self._again(facts)})
        waiting = self._waiting(days, facts)
        per_run = self._location.settings.dates_per_run
        next_run = NextRun(self._schedule, self._runs, per_run, after_others=bool(cursor.held))
        chosen = next_run.choose(days, waiting, facts.separate)
        if not self._is_preview:
            # First the cursor, so that the next tick repeats one that fails from here on.
            noted = ScheduleCursor(due.up_to.isoformat(), waiting, chosen.held)
            write_cursor(self._instance, name, noted)
            self._open(days, facts)
        self._log_dates(due, facts, waiting, chosen)
        request = chosen.request(self._location, run_key_of("", chosen.now) if chosen.now else "")
        if request and self._is_preview:
            # Dagster refuses the partition of a date that only the tick itself opens.
            request = request.with_replaced_attrs(partition_key=None)
        return [request or self._nothing(facts, waiting, chosen)]

    def _rows(self) -> dict[str, ProcessControl]:
        """Return the open dates of the group."""
        stored = self._store.read_stored(PROCESS_CONTROL, self._schedule.group.columns)
        for bad in stored.bad:
            self._log.warning(str(bad))
        rows = map(ProcessControl.from_row, stored.rows)
        return {row.biz_dt: row for row in rows}

    def _due(self, facts: _TickFacts) -> DueDates:
        calendar, biz_dt, up_to = facts.params.calendar, facts.biz_dt, facts.up_to
        days = [day.isoformat() for day in (*calendar.between(up_to, biz_dt), biz_dt)]
        covered = {day for day in days if self._is_covered(day, facts)}
        opened = [day for day in days[:-1] if day not in covered and day in facts.rows]
        covered |= self._completed(opened)
        dates = {date.fromisoformat(day) for day in covered}
        return due_dates(biz_dt, up_to, dates, calendar, facts.params.catchup)

    def _up_to(
        self,
        params: TickParams,
        biz_dt: date,
        rows: Collection[str],
        cursor: ScheduleCursor,
    ) -> date:
        first = date.fromisoformat(self._location.first_biz_dt)
        noted = cursor.up_to
        up_to = date.fromisoformat(noted) if noted else self._catchup_start(params, biz_dt, rows)
        return max(up_to, first - timedelta(days=1))

    def _again(self, facts: _TickFacts) -> set[str]:
        """Return the dates of earlier ticks that other runs held, and have not completed."""
        failed = {
            day
            for day in facts.requested.dates
            if day > facts.up_to.isoformat() and not facts.requested.names(day)
        }
        again = {day for day in facts.cursor.held if not facts.requested.names(day)} | failed
        return again - self._completed(again)

    def _is_covered(self, day: str, facts: _TickFacts) -> bool:
        """Tell whether the date needs no request: it has a run, or each job waits or has its own
        run, or it is one of _again."""
        if day in facts.requested.dates or day in facts.cursor.held or day not in facts.rows:
            return day in facts.requested.dates or day in facts.cursor.held
        separate = {*facts.cursor.waiting.get(day, ()), *facts.separate(day)}
        return separate.issuperset(spec.job_name for spec in self._schedule.specs)

    def _catchup_start(self, params: TickParams, biz_dt: date, rows: Collection[str]) -> date:
        others = [name for name in self._siblings if name != self._schedule.name]
        of_others: set[str] = set()
        for name, cursor in read_cursors(self._instance, others).items():
            of_others |= requested_dates(self._instance, name, self._runs).dates
            of_others |= {*cursor.waiting, *cursor.held}
        return catchup_start(
            biz_dt,
            [date.fromisoformat(day) for day in rows],
            {date.fromisoformat(day) for day in of_others},
            params.calendar,
            params.catchup,
        )

    def _completed(self, days: Collection[str]) -> set[str]:
        """Return the days that every job of the schedule has completed, in any run."""
        ids = self._schedule.job_ids
        done = completed(self._store, ids, days)
        return {day for day in days if all((job_id, day) in done for job_id in ids)}

    def _waiting(self, days: Sequence[str], facts: _TickFacts) -> dict[str, tuple[str, ...]]:
        """Return the jobs that wait, by date: those of the cursor that still do, and new ones.

        A job that is left out on one of the days is left out on all of them, so that one run lands
        them.
        """
        noted, specs = facts.cursor.waiting, self._schedule.specs
        jobs = self._location.registry.jobs
        id_of = {name: jobs[name].job_id for day in noted for name in noted[day] if name in jobs}
        id_of |= {spec.job_name: spec.job_id for spec in specs}
        parents = self._schedule.outer_parents
        done = completed(self._store, {*parents, *id_of.values()}, {*days, *noted})

        def waits(name: str, day: str) -> bool:
            return name not in facts.separate(day) and (id_of.get(name, ""), day) not in done

        waiting = {day: {name: None for name in noted[day] if waits(name, day)} for day in noted}
        for day in days:
            # A noted date is not decided again, as the sensor may have requested its jobs since.
            if day not in noted:
                ready = {job_id for job_id, of in done if of == day}
                waiting[day] = dict.fromkeys(blocked_jobs(specs, ready))
        left_out = {name for day in days for name in (*waiting[day], *facts.separate(day))}
        names = [spec.job_name for spec in specs if spec.job_name in left_out]
        for day in days:
            waiting[day] |= {name: None for name in names if waits(name, day)}
        return {day: tuple(names) for day, names in waiting.items() if names}

    def _open(self, days: Sequence[str], facts: _TickFacts) -> None:
        model = newest_row(facts.rows.values())
        rows = [
            opened_row(self._schedule.group, day, model).to_row()
            for day in days
            if day not in facts.rows
        ]
        if rows:
            self._store.insert_ignore(PROCESS_CONTROL, rows)
        add_open_dates(self._instance, self._schedule.group, {*facts.rows, *days})
        for row in rows:
            self._log.info(f"Opened {PROCESS_CONTROL.name} ({PROCESS_CONTROL.key_text(row)}).")

    def _log_dates(
        self,
        due: DueDates,
        facts: _TickFacts,
        waiting: Mapping[str, Sequence[str]],
        chosen: DatesOfRun,
    ) -> None:
        for day in due.dates:
            if day != facts.biz_dt:
                self._log.info(f"{day} was missed and is requested now.")
            if names := waiting.get(day.isoformat()):
                self._log.info(_waits(day, names))
        if chosen.held:
            self._log.info(_held(chosen.held))
        if due.remaining:
            self._log.warning(
                f"{due.remaining} more business days before {facts.biz_dt} were missed: the next "
                f"ticks request {facts.params.catchup} each ({SCHEDULE_CATCHUP.key}; 0 skips them)."
            )

    def _nothing(
        self, facts: _TickFacts, waiting: Mapping[str, Sequence[str]], chosen: DatesOfRun
    ) -> dg.SkipReason:
        if chosen.held:
            return dg.SkipReason(_held(chosen.held))
        if names := waiting.get(facts.biz_dt.isoformat()):
            return dg.SkipReason(_waits(facts.biz_dt, names))
        return dg.SkipReason(f"{facts.biz_dt} of {self._schedule.group.name} was already requested")

    def _before_the_first(self, biz_dt: date) -> str:
        return (
            f"{biz_dt} is before ORCH_FIRST_BIZ_DT, {self._location.first_biz_dt}: lower it and "
            f"restart Dagster, or open the date with "
            f"{open_command(self._schedule.group, biz_dt)}"
        )


def _waits(day: date, names: Sequence[str]) -> str:
    return (
        f"{day}: left out, as they wait for jobs of other runs: {', '.join(names)}. The sensor "
        f"{WAITING_SENSOR} requests each when its parents have completed the date"
    )


def _held(days: Sequence[str]) -> str:
    return (
        f"{', '.join(days)}: held, as a run of the first of them, or of the dates before, has not "
        f"ended. The sensor {WAITING_SENSOR} requests them when it has"
    )
