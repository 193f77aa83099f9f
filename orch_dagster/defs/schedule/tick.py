"""A tick of a schedule: opens the business dates that are due, and requests their runs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from functools import cache
from zoneinfo import ZoneInfo

import dagster as dg

from framework.contract.system_settings import SCHEDULE_CATCHUP
from orch_dagster.control.completions import completed
from orch_dagster.control.connect import opened_store
from orch_dagster.control.open_dates import newest_row, opened_row
from orch_dagster.control.records import ProcessControl, SysParam, read_records
from orch_dagster.control.store import ControlStore, with_retries
from orch_dagster.control.tables import PROCESS_CONTROL, is_iso_date
from orch_dagster.defs.partitions import PARTITION_TAG
from orch_dagster.defs.schedule.cursor import (
    SCHEDULE_TAG,
    WAITING_SENSOR,
    WAITING_TAG,
    Requests,
    ScheduleCursor,
    read_cursors,
    requested_dates,
    requested_separately,
    write_cursor,
)
from orch_dagster.defs.schedule.dated_runs import DatedRuns
from orch_dagster.defs.translator import asset_key
from orch_dagster.registry.location import Location
from orch_dagster.schedule.blocked_jobs import blocked_jobs
from orch_dagster.schedule.due_dates import DueDates, catchup_start, due_dates
from orch_dagster.schedule.schedules import Schedule
from orch_dagster.schedule.settings import TICK_KEYS, TickParams, tick_params

# A tick further ahead than hosts' clocks differ is Dagit's preview, which must write nothing.
_PREVIEW_AHEAD = timedelta(minutes=10)


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
    """

    params: TickParams
    biz_dt: date
    rows: Mapping[str, ProcessControl]
    requested: Requests
    separate: Callable[[str], frozenset[str]]
    cursor: ScheduleCursor


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
        answer = with_retries(tick.answer, warn=context.log.warning)
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
        self._log = context.log
        self._store = store
        self._runs = DatedRuns(context.instance)

    def answer(self) -> Sequence[dg.RunRequest | dg.SkipReason]:
        """Return the tick's requests, or its skip reason; repeating it is safe."""
        params = self._params()
        local = self._at.astimezone(ZoneInfo(self._schedule.timezone)).date()
        group = self._schedule.group.name
        if why := params.calendar.why_closed(local):
            return [dg.SkipReason(f"{local} is {why} for {group}: no business date is due")]
        biz_dt = params.calendar.before(local, params.offset)
        if biz_dt.isoformat() < self._location.first_biz_dt:
            return [dg.SkipReason(self._before_the_first(biz_dt))]
        name = self._schedule.name
        facts = _TickFacts(
            params,
            biz_dt,
            self._rows(),
            requested_dates(self._instance, name, self._runs),
            cache(requested_separately(self._instance, name, self._runs).names),
            read_cursors(self._instance, [name])[name],
        )
        due = self._due(facts)
        days = [day.isoformat() for day in due.dates]
        waiting = self._waiting(days, facts)
        if self._at - datetime.now(timezone.utc) > _PREVIEW_AHEAD:
            self._log.info("Preview of a future tick: it opens no business date.")
        else:
            # First the cursor, so that the next tick repeats one that fails from here on.
            write_cursor(self._instance, name, ScheduleCursor(due.up_to.isoformat(), waiting))
            self._open(days, facts)
        self._log_dates(due, facts, waiting)
        requests = [self._request(day, waiting.get(day, ()), facts) for day in days]
        return [request for request in requests if request] or [self._nothing(facts, waiting)]

    def _params(self) -> TickParams:
        where = {
            "param_key": list(TICK_KEYS),
            "environment": self._location.settings.env,
            "key_name": list(self._schedule.key_names),
            "param_type": "system",
        }
        rows = read_records(self._store, SysParam, where)
        return tick_params(self._schedule.winning(rows), self._location.settings.home)

    def _rows(self) -> dict[str, ProcessControl]:
        """Return the open dates of the group."""
        rows = read_records(self._store, ProcessControl, self._schedule.group.columns)
        for row in rows:
            if not is_iso_date(row.biz_dt):
                key = PROCESS_CONTROL.key_text(row.to_row())
                self._log.warning(
                    f"{PROCESS_CONTROL.name} ({key}): biz_dt is not a date such as 2024-05-15"
                )
        return {row.biz_dt: row for row in rows if is_iso_date(row.biz_dt)}

    def _due(self, facts: _TickFacts) -> DueDates:
        calendar, biz_dt = facts.params.calendar, facts.biz_dt
        noted = facts.cursor.up_to
        first = date.fromisoformat(self._location.first_biz_dt)
        up_to = max(
            date.fromisoformat(noted) if noted else self._catchup_start(facts),
            first - timedelta(days=1),
        )
        days = [day.isoformat() for day in (*calendar.between(up_to, biz_dt), biz_dt)]
        covered = {day for day in days if self._is_covered(day, facts)}
        # The tick's own date is requested though others completed it, unless they held up its run.
        own = days if facts.requested.held_up(self._schedule.name, days[-1]) else days[:-1]
        opened = [day for day in own if day not in covered and day in facts.rows]
        covered |= self._completed(opened)
        dates = {date.fromisoformat(day) for day in covered}
        return due_dates(biz_dt, up_to, dates, calendar, facts.params.catchup)

    def _is_covered(self, day: str, facts: _TickFacts) -> bool:
        """Tell whether the date needs no request: it has a run, or each job waits or has its own
        run."""
        is_requested = bool(facts.requested.names(day))
        if is_requested or day not in facts.rows:
            return is_requested
        separate = {*facts.cursor.waiting.get(day, ()), *facts.separate(day)}
        return separate.issuperset(spec.job_name for spec in self._schedule.specs)

    def _catchup_start(self, facts: _TickFacts) -> date:
        others = [name for name in self._siblings if name != self._schedule.name]
        of_others: set[str] = set()
        for name, cursor in read_cursors(self._instance, others).items():
            of_others |= requested_dates(self._instance, name, self._runs).dates
            of_others |= {*cursor.waiting}
        return catchup_start(
            facts.biz_dt,
            [date.fromisoformat(day) for day in facts.rows],
            {date.fromisoformat(day) for day in of_others},
            facts.params.calendar,
            facts.params.catchup,
        )

    def _completed(self, days: Collection[str]) -> set[str]:
        """Return the days that every job of the schedule has completed, in any run."""
        ids = self._schedule.job_ids
        done = completed(self._store, ids, days)
        return {day for day in days if all((job_id, day) in done for job_id in ids)}

    def _waiting(self, days: Sequence[str], facts: _TickFacts) -> dict[str, tuple[str, ...]]:
        """Return the jobs that wait, by date: those of the cursor that still do, and new ones."""
        noted = facts.cursor.waiting
        jobs = self._location.registry.jobs
        id_of = {name: jobs[name].job_id for day in noted for name in noted[day] if name in jobs}
        done = completed(
            self._store, {*self._schedule.outer_parents, *id_of.values()}, {*days, *noted}
        )
        waiting = {
            day: tuple(
                name
                for name in names
                if name not in facts.separate(day) and (id_of.get(name, ""), day) not in done
            )
            for day, names in noted.items()
        }
        for day in days:
            # A noted date is not decided again, as the sensor may have requested its jobs since.
            if day not in noted:
                ready = {job_id for job_id, of in done if of == day}
                waiting[day] = blocked_jobs(self._schedule.specs, ready)
        return {day: names for day, names in waiting.items() if names}

    def _open(self, days: Sequence[str], facts: _TickFacts) -> None:
        model = newest_row(facts.rows.values())
        rows = [
            opened_row(self._schedule.group, day, model).to_row()
            for day in days
            if day not in facts.rows
        ]
        if rows:
            self._store.insert_ignore(PROCESS_CONTROL, rows)
        for row in rows:
            self._log.info(f"Opened {PROCESS_CONTROL.name} ({PROCESS_CONTROL.key_text(row)}).")

    def _request(self, day: str, waiting: Sequence[str], facts: _TickFacts) -> dg.RunRequest | None:
        """Build the run request of a date without the jobs that wait; None if all of them do."""
        schedule = self._schedule
        separate = {*waiting, *facts.separate(day)}
        specs = [spec for spec in schedule.specs if spec.job_name not in separate]
        if not specs:
            return None
        tags = {PARTITION_TAG: day, SCHEDULE_TAG: schedule.name}
        if waiting:
            tags[WAITING_TAG] = ", ".join(waiting)
        # A group's job also holds jobs with their own cron, so its full selection may be too wide.
        group = self._location.registry.groups.get(schedule.job_name)
        of_job = group.jobs if group else schedule.specs
        selection = None if len(specs) == len(of_job) else [asset_key(spec) for spec in specs]
        return dg.RunRequest(run_key=day, partition_key=day, tags=tags, asset_selection=selection)

    def _log_dates(
        self, due: DueDates, facts: _TickFacts, waiting: Mapping[str, Sequence[str]]
    ) -> None:
        for day in due.dates:
            if day != facts.biz_dt:
                self._log.info(f"{day} was missed and is requested now.")
            if names := waiting.get(day.isoformat()):
                self._log.info(_waits(day, names))
        if due.remaining:
            self._log.warning(
                f"{due.remaining} more business days before {facts.biz_dt} were missed: the next "
                f"ticks request {facts.params.catchup} each ({SCHEDULE_CATCHUP.key}; 0 skips them)."
            )

    def _nothing(self, facts: _TickFacts, waiting: Mapping[str, Sequence[str]]) -> dg.SkipReason:
        if names := waiting.get(facts.biz_dt.isoformat()):
            return dg.SkipReason(_waits(facts.biz_dt, names))
        return dg.SkipReason(f"{facts.biz_dt} of {self._schedule.group.name} was already requested")

    def _before_the_first(self, biz_dt: date) -> str:
        entity, source_system = self._schedule.group
        return (
            f"{biz_dt} is before the first partition, {self._location.first_biz_dt}: lower "
            f"ORCH_FIRST_BIZ_DT if it is set, else open the date with "
            f"`orch open {entity} {source_system} {biz_dt}`, and reload the code location"
        )


def _waits(day: date, names: Sequence[str]) -> str:
    return (
        f"{day}: left out, as they wait for jobs of other runs: {', '.join(names)}. The sensor "
        f"{WAITING_SENSOR} requests each when its parents have completed the date"
    )
