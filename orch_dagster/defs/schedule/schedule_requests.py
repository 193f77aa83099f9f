"""The run that a schedule requests for its dates: which of them now, and with which jobs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

import dagster as dg

from orch_dagster.defs.partitions import dates_of_one_run, run_key_of, tags_of
from orch_dagster.defs.schedule.cursor import SCHEDULE_TAG, WAITING_TAG
from orch_dagster.defs.schedule.dated_runs import DatedRuns
from orch_dagster.defs.translator import asset_key
from orch_dagster.registry.jobs import JobSpec
from orch_dagster.registry.location import Location
from orch_dagster.schedule.schedules import Schedule


@dataclass(frozen=True)
class DatesOfRun:
    """The dates that a schedule's next run lands, and those that follow it.

    Attributes:
        schedule: The schedule.
        specs: The jobs of the run, parents first; none if all of them wait.
        waiting: The names of the jobs that wait on one of the dates.
        now: The dates of the run, oldest first.
        held: The dates that wait for another run to end.
    """

    schedule: Schedule
    specs: tuple[JobSpec, ...]
    waiting: tuple[str, ...]
    now: tuple[str, ...]
    held: tuple[str, ...]

    def request(self, location: Location, run_key: str) -> dg.RunRequest | None:
        """Build the request of the run; None if it has no dates or no jobs."""
        if not self.now or not self.specs:
            return None
        tags = {**tags_of(self.now), SCHEDULE_TAG: self.schedule.name}
        if self.waiting:
            tags[WAITING_TAG] = ", ".join(self.waiting)
        # A group's job also holds jobs with their own cron, so its full selection may be too wide.
        group = location.registry.groups.get(self.schedule.job_name)
        of_job = group.jobs if group else self.schedule.specs
        is_whole = len(self.specs) == len(of_job)
        return dg.RunRequest(
            run_key=run_key,
            partition_key=self.now[0] if len(self.now) == 1 else None,
            tags=tags,
            asset_selection=None if is_whole else [asset_key(spec) for spec in self.specs],
        )

    def run_key(self, *others: str) -> str:
        """Return a run key of the dates, for a sensor, whose keys are those of all schedules."""
        return run_key_of(self.schedule.name, self.now, *others)


@dataclass(frozen=True)
class NextRun:
    """Chooses the dates and jobs of a schedule's next run.

    Attributes:
        schedule: The schedule.
        runs: The runs of the instance.
        dates_per_run: How many dates a run lands at most.
        after_others: Whether the dates wait for the schedule's own runs of other dates.
        opened: The open dates of the group; None if all dates are.
    """

    schedule: Schedule
    runs: DatedRuns
    dates_per_run: int
    after_others: bool
    opened: Collection[str] | None = None

    def choose(
        self,
        days: Sequence[str],
        waiting: Mapping[str, Collection[str]],
        separate: Callable[[str], Collection[str]],
    ) -> DatesOfRun:
        """Choose among the dates that are due.

        It is one run, as the changes of a date are counted against the date before, and so the jobs
        that wait on one date are left out on all of them. A date that another run holds waits with
        all later ones.

        Args:
            days: The dates that are due, oldest first.
            waiting: The names of the jobs that wait for other runs, by date.
            separate: Returns the names of the jobs that have a run of their own on a date.
        """
        names = dict.fromkeys(name for day in days for name in waiting.get(day, ()))
        left_out = {*names, *(name for day in days for name in separate(day))}
        specs = tuple(spec for spec in self.schedule.specs if spec.job_name not in left_out)
        if not specs:
            return DatesOfRun(self.schedule, (), tuple(names), (), ())
        job_names = [spec.job_name for spec in specs]
        free = takewhile(lambda day: not any(self.runs.holders(job_names, {day})), days)
        now = () if self._must_wait() else self._of_one_run(tuple(free))
        return DatesOfRun(self.schedule, specs, tuple(names), now, tuple(days[len(now) :]))

    def _of_one_run(self, free: Sequence[str]) -> tuple[str, ...]:
        return dates_of_one_run(
            free, free if self.opened is None else self.opened, self.dates_per_run
        )

    def _must_wait(self) -> bool:
        return self.after_others and any(
            each.run.tags.get(SCHEDULE_TAG) == self.schedule.name for each in self.runs.unfinished
        )
