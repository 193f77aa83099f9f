"""Tell the due dates of a group, from the control tables and the instance's runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timezone
from zoneinfo import ZoneInfo

from dagster import DagsterInstance, DagsterRun

from orch_dagster.control.completions import completed
from orch_dagster.control.records import ProcessControl
from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import PROCESS_CONTROL
from orch_dagster.defs.schedule.cursor import read_cursors
from orch_dagster.defs.schedule.dated_runs import DatedRuns
from orch_dagster.defs.schedule.definitions import by_biz_dt
from orch_dagster.defs.schedule.reprocess_runs import completed_again
from orch_dagster.registry.jobs import Group, JobSpec
from orch_dagster.registry.location import Location
from orch_dagster.schedule.due import DueDate, DueFacts, due_of_group, missed_days
from orch_dagster.schedule.reprocess import downstream, due_rows
from orch_dagster.schedule.schedules import time_zone
from orch_dagster.schedule.settings import fetch_tick_params


@dataclass(frozen=True)
class DueNow:
    """The due dates of a group.

    Attributes:
        dates: The dates, oldest first.
        remaining: How many missed business days follow those, by schedule.
        warnings: Sentences on rows that can't be requested.
    """

    dates: Sequence[DueDate]
    remaining: Mapping[str, int]
    warnings: Sequence[str]


class DueReader:
    """Reads which dates are due.

    Args:
        location: The registry and the settings.
        instance: The instance of the runs.
        store: The control store.
        is_over: Returns whether an unfinished run is over, as its process is gone.
    """

    def __init__(
        self,
        location: Location,
        instance: DagsterInstance,
        store: ControlStore,
        is_over: Callable[[DagsterRun], bool],
    ) -> None:
        self._location = location
        self._instance = instance
        self._store = store
        self._runs = DatedRuns(instance, is_over)
        self._schedules = by_biz_dt(location)
        self._now = datetime.now(timezone.utc)

    def read(self, jobs: Group) -> DueNow:
        """Return the due dates of these jobs of a group.

        Raises:
            TickParamError: If a sys_param of a schedule of theirs is invalid.
            StoreError: If the control store can't be read.
        """
        opened, again, warnings = self._opened(jobs)
        missed, remaining = self._missed(jobs, opened)
        days = {*opened, *missed}
        parents = {id_ for spec in self._behind(jobs) for id_ in spec.parents}
        ids = {*jobs.job_ids, *parents, *(spec.job_id for spec in self._behind(jobs))}
        facts = DueFacts(jobs, opened, missed, completed(self._store, ids, days), again)
        dates = [self._with_holder(each) for each in due_of_group(facts)]
        return DueNow(dates, remaining, warnings)

    def reprocess_rows(self, jobs: Group) -> Mapping[str, ProcessControl]:
        """Return the rows whose reprocess_dt is due and some of these jobs have yet to complete."""
        opened, again, _ = self._opened(jobs)
        return {day: opened[day] for day, specs in again.items() if specs}

    def held(self, jobs: Group, biz_dts: Sequence[str]) -> Mapping[str, str]:
        """Return the dates that another run of these jobs holds, with its id."""
        holders = {day: next(self._runs.holders(jobs.job_names, {day}), None) for day in biz_dts}
        return {day: run_id for day, run_id in holders.items() if run_id}

    def _behind(self, jobs: Group) -> Sequence[JobSpec]:
        whole = self._location.registry.groups[jobs.name]
        return (*jobs.jobs, *(downstream(self._location.registry, whole)))

    def _opened(
        self, jobs: Group
    ) -> tuple[dict[str, ProcessControl], dict[str, Sequence[JobSpec]], list[str]]:
        """Return the open dates up to today, the jobs to run again, and warnings."""
        today = self._now.astimezone(ZoneInfo(time_zone(self._location, jobs.key_names)))
        today_iso = today.date().isoformat()
        stored = self._store.read_stored(PROCESS_CONTROL, jobs.key.columns)
        rows = [ProcessControl.from_row(row) for row in stored.rows]
        due, warnings = due_rows(rows, {jobs.key: today_iso})
        warnings += map(str, stored.bad)
        opened = {row.biz_dt: row for row in rows}
        opened = {day: row for day, row in opened.items() if day <= today_iso}
        again = {row.biz_dt: self._again(jobs, row) for row in due if row.biz_dt in opened}
        return opened, again, warnings

    def _again(self, jobs: Group, row: ProcessControl) -> Sequence[JobSpec]:
        """Return the jobs that have yet to complete for the row's reprocess_dt."""
        whole = self._location.registry.groups[jobs.name]
        done = completed_again(self._instance, self._store, whole, row)
        own = [spec for spec in jobs.jobs if spec.job_id not in done]
        if jobs.jobs != whole.jobs:
            return own
        behind = list(downstream(self._location.registry, whole))
        before = completed(self._store, {spec.job_id for spec in behind}, [row.biz_dt])
        behind = [
            spec
            for spec in behind
            if (spec.job_id, row.biz_dt) in before and spec.job_id not in done
        ]
        return [*own, *behind]

    def _missed(
        self, jobs: Group, opened: Mapping[str, ProcessControl]
    ) -> tuple[dict[str, Sequence[JobSpec]], dict[str, int]]:
        """Return the business days that are not open, and how many follow, by schedule."""
        missed: dict[str, list[JobSpec]] = defaultdict(list)
        remaining: dict[str, int] = {}
        asked = set(jobs.job_names)
        of_group = [each for each in self._schedules if each.group == jobs.key]
        cursors = read_cursors(self._instance, [each.name for each in of_group])
        for schedule in of_group:
            specs = [spec for spec in schedule.specs if spec.job_name in asked]
            if not specs:
                continue
            params = fetch_tick_params(self._store, schedule, self._location.settings)
            today = self._now.astimezone(ZoneInfo(schedule.timezone)).date()
            noted = cursors[schedule.name].up_to
            up_to = date.fromisoformat(noted) if noted else None
            days, more = missed_days(today, up_to, opened, params)
            for day in days:
                if day >= self._location.first_biz_dt:
                    missed[day] += specs
            if more:
                remaining[schedule.name] = more
        return dict(missed), remaining

    def _with_holder(self, due: DueDate) -> DueDate:
        names = [spec.job_name for spec in due.specs]
        return replace(due, held_by=next(self._runs.holders(names, {due.biz_dt}), None))
