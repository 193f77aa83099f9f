"""A tick of a schedule: opens the business dates that are due, and asks for their runs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from functools import cache, partial
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
    ScheduleCursor,
    read_cursors,
    requested_dates,
    requested_separately,
    write_cursor,
)
from orch_dagster.defs.translator import asset_key
from orch_dagster.registry.location import Location
from orch_dagster.schedule.blocked_jobs import blocked_jobs
from orch_dagster.schedule.due_dates import DueDates, catchup_start, due_dates
from orch_dagster.schedule.schedules import Schedule
from orch_dagster.schedule.settings import TICK_KEYS, TickParams, tick_params

# Dagit shows in advance what a tick would do by doing it. Further ahead than two hosts' clocks
# differ, it is that: nothing is opened, nothing is noted.
_PREVIEW_AHEAD = timedelta(minutes=10)


@dataclass(frozen=True)
class _Seen:
    """What a tick goes by.

    Attributes:
        params: Of the schedule.
        biz_dt: The tick's business date.
        rows: The open dates of the group.
        ticked: Dates for which there is a run already.
        apart: Gives the jobs of a date's run that were left out and have been asked for since.
        cursor: What the ticks before left for this one.
    """

    params: TickParams
    biz_dt: date
    rows: Mapping[str, ProcessControl]
    ticked: frozenset[str]
    apart: Callable[[str], frozenset[str]]
    cursor: ScheduleCursor


def evaluate_tick(
    schedule: Schedule,
    siblings: Sequence[str],
    location: Location,
    context: dg.ScheduleEvaluationContext,
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Ask for a run of each date that is due, or say why there is none.

    Args:
        schedule: The schedule.
        siblings: The names of all schedules of its group.
        location: The registry, as it was when the location loaded.
        context: Dagster's.

    Raises:
        TickParamError: A sys_param of the schedule cannot be used.
        StoreError: The control store cannot be read or written. The next tick asks for the dates
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

    def answer(self) -> Sequence[dg.RunRequest | dg.SkipReason]:
        """What the tick asks for; safe to do again."""
        params = self._params()
        local = self._at.astimezone(ZoneInfo(self._schedule.timezone)).date()
        group = self._schedule.group.name
        if why := params.calendar.why_closed(local):
            return [dg.SkipReason(f"{local} is {why} for {group}: no business date is due")]
        biz_dt = params.calendar.before(local, params.offset)
        if biz_dt.isoformat() < self._location.first_biz_dt:
            return [dg.SkipReason(self._before_the_first(biz_dt))]
        name = self._schedule.name
        seen = _Seen(
            params,
            biz_dt,
            self._rows(),
            requested_dates(self._instance, name),
            cache(partial(requested_separately, self._instance, name)),
            read_cursors(self._instance, [name])[name],
        )
        due = self._due(seen)
        days = [day.isoformat() for day in due.dates]
        waiting = self._waiting(days, seen)
        if self._at - datetime.now(timezone.utc) > _PREVIEW_AHEAD:
            self._log.info("The tick lies ahead: nothing is opened before it comes.")
        else:
            # First of all where to look again, should this be as far as the tick comes.
            write_cursor(self._instance, name, ScheduleCursor(due.up_to.isoformat(), waiting))
            self._open(days, seen)
        self._tell(due, seen, waiting)
        requests = [self._request(day, waiting.get(day, ()), seen) for day in days]
        return [request for request in requests if request] or [self._nothing(seen, waiting)]

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
                self._log.warning(f"{PROCESS_CONTROL.name} ({key}): no date such as 2024-05-15")
        return {row.biz_dt: row for row in rows if is_iso_date(row.biz_dt)}

    def _due(self, seen: _Seen) -> DueDates:
        calendar, biz_dt = seen.params.calendar, seen.biz_dt
        noted = seen.cursor.up_to
        first = date.fromisoformat(self._location.first_biz_dt)
        up_to = max(
            date.fromisoformat(noted) if noted else self._catchup_start(seen),
            first - timedelta(days=1),
        )
        days = [day.isoformat() for day in (*calendar.between(up_to, biz_dt), biz_dt)]
        covered = {day for day in days if self._is_covered(day, seen)}
        opened = [day for day in days[:-1] if day not in covered and day in seen.rows]
        covered |= self._completed(opened)
        dates = {date.fromisoformat(day) for day in covered}
        return due_dates(biz_dt, up_to, dates, calendar, seen.params.catchup)

    def _is_covered(self, day: str, seen: _Seen) -> bool:
        """Whether nothing is left to ask for on that date: it has its run, or each of the jobs
        waits, or did so and has one of its own."""
        if day in seen.ticked or day not in seen.rows:
            return day in seen.ticked
        apart = {*seen.cursor.waiting.get(day, ()), *seen.apart(day)}
        return apart.issuperset(spec.job_name for spec in self._schedule.specs)

    def _catchup_start(self, seen: _Seen) -> date:
        others = [name for name in self._siblings if name != self._schedule.name]
        of_others: set[str] = set()
        for name, cursor in read_cursors(self._instance, others).items():
            of_others |= {*requested_dates(self._instance, name), *cursor.waiting}
        return catchup_start(
            seen.biz_dt,
            [date.fromisoformat(day) for day in seen.rows],
            {date.fromisoformat(day) for day in of_others},
            seen.params.calendar,
            seen.params.catchup,
        )

    def _completed(self, days: Collection[str]) -> set[str]:
        """Those that every job of the schedule has completed, whoever asked for them."""
        ids = self._schedule.job_ids
        done = completed(self._store, ids, days)
        return {day for day in days if all((job_id, day) in done for job_id in ids)}

    def _waiting(self, days: Sequence[str], seen: _Seen) -> dict[str, tuple[str, ...]]:
        """The jobs that wait, by date: those noted that still do, and those of these dates."""
        noted = seen.cursor.waiting
        jobs = self._location.registry.jobs
        id_of = {name: jobs[name].job_id for day in noted for name in noted[day] if name in jobs}
        done = completed(
            self._store, {*self._schedule.outer_parents, *id_of.values()}, {*days, *noted}
        )
        waiting = {
            day: tuple(
                name
                for name in names
                if name not in seen.apart(day) and (id_of.get(name, ""), day) not in done
            )
            for day, names in noted.items()
        }
        for day in days:
            # Once decided it stays so: the sensor may have asked for the job since.
            if day not in noted:
                ready = {job_id for job_id, of in done if of == day}
                waiting[day] = blocked_jobs(self._schedule.specs, ready)
        return {day: names for day, names in waiting.items() if names}

    def _open(self, days: Sequence[str], seen: _Seen) -> None:
        model = newest_row(seen.rows.values())
        rows = [
            opened_row(self._schedule.group, day, model).to_row()
            for day in days
            if day not in seen.rows
        ]
        if rows:
            self._store.insert_ignore(PROCESS_CONTROL, rows)
        for row in rows:
            self._log.info(f"Opened {PROCESS_CONTROL.name} ({PROCESS_CONTROL.key_text(row)}).")

    def _request(self, day: str, waiting: Sequence[str], seen: _Seen) -> dg.RunRequest | None:
        """The run of a date, without the jobs that wait; None where all of them do."""
        schedule = self._schedule
        apart = {*waiting, *seen.apart(day)}
        specs = [spec for spec in schedule.specs if spec.job_name not in apart]
        if not specs:
            return None
        tags = {PARTITION_TAG: day, SCHEDULE_TAG: schedule.name}
        if waiting:
            tags[WAITING_TAG] = ", ".join(waiting)
        # By default, all that the job has: a group's job also has those with a cron of their own.
        group = self._location.registry.groups.get(schedule.job_name)
        of_job = group.jobs if group else schedule.specs
        selection = None if len(specs) == len(of_job) else [asset_key(spec) for spec in specs]
        return dg.RunRequest(run_key=day, partition_key=day, tags=tags, asset_selection=selection)

    def _tell(self, due: DueDates, seen: _Seen, waiting: Mapping[str, Sequence[str]]) -> None:
        for day in due.dates:
            if day != seen.biz_dt:
                self._log.info(f"{day} was passed over and is asked for now.")
            if names := waiting.get(day.isoformat()):
                self._log.info(_waits(day, names))
        if due.left:
            self._log.warning(
                f"{due.left} more business days before {seen.biz_dt} were passed over: the next "
                f"ticks ask for {seen.params.catchup} each ({SCHEDULE_CATCHUP.key}; 0 gives them "
                f"up)."
            )

    def _nothing(self, seen: _Seen, waiting: Mapping[str, Sequence[str]]) -> dg.SkipReason:
        if names := waiting.get(seen.biz_dt.isoformat()):
            return dg.SkipReason(_waits(seen.biz_dt, names))
        return dg.SkipReason(f"{seen.biz_dt} of {self._schedule.group.name} was asked for already")

    def _before_the_first(self, biz_dt: date) -> str:
        entity, source_system = self._schedule.group
        return (
            f"{biz_dt} is before the first partition, {self._location.first_biz_dt}: lower "
            f"ORCH_FIRST_BIZ_DT where it is set, else open the date with "
            f"`orch open {entity} {source_system} {biz_dt}`, and reload the code location"
        )


def _waits(day: date, names: Sequence[str]) -> str:
    return (
        f"{day}: left out, as they wait for jobs of other runs: {', '.join(names)}. The sensor "
        f"{WAITING_SENSOR} asks for each when its parents have completed the date"
    )
