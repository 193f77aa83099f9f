"""The runs of Dagster's instance by business date and job: which hold a date, which were held up.

A run of several dates has the tags of a range, so no filter on dagster/partition finds it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import cached_property, lru_cache, partial

import dagster as dg
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus, RunRecord

from orch_dagster.defs.dagster_internals.run_plan import plan_of_run, planned_steps
from orch_dagster.defs.partitions import biz_dts_or_none

# Without NOT_STARTED: a run that was never submitted, as its daemon died, holds nothing.
_BEGUN = (DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING)
_UNFINISHED = (DagsterRunStatus.QUEUED, *_BEGUN)
_PLANS_KEPT = 100


@dataclass(frozen=True)
class DatedRun:
    """A run that has not ended.

    Attributes:
        run: The run.
        biz_dts: Its business dates.
        has_begun: Whether it has left the queue.
    """

    run: DagsterRun
    biz_dts: frozenset[str]
    has_begun: bool


class DatedRuns:
    """The runs that hold business dates, as they were when first asked for.

    Args:
        instance: The instance of the runs.
        is_over: Returns whether a run that Dagster lists as unfinished is over all the same.
    """

    def __init__(
        self,
        instance: DagsterInstance,
        is_over: Callable[[DagsterRun], bool] = lambda _: False,
    ) -> None:
        self.instance = instance
        self._is_over = is_over
        self._planned_steps = lru_cache(_PLANS_KEPT)(partial(planned_steps, instance))
        self._held_up: dict[str, frozenset[str]] = {}

    @cached_property
    def unfinished(self) -> list[DatedRun]:
        """The runs that have not ended, each with its dates."""
        records = self.instance.get_run_records(dg.RunsFilter(statuses=_UNFINISHED))
        runs = [each.dagster_run for each in records if not self._is_over(each.dagster_run)]
        return [
            DatedRun(run, frozenset(biz_dts_or_none(run)), run.status in _BEGUN) for run in runs
        ]

    def plans(self, run: DagsterRun, job_names: Collection[str]) -> bool:
        """Tell whether a run is to execute one of the jobs."""
        return not set(job_names).isdisjoint(self._steps(run))

    def holders(
        self, job_names: Collection[str], biz_dts: Collection[str], *, begun_only: bool = False
    ) -> Iterator[str]:
        """Yield the ids of the unfinished runs of these jobs on one of the dates.

        Args:
            job_names: The jobs.
            biz_dts: The dates.
            begun_only: Leave out the runs that are still queued.
        """
        for each in self.unfinished:
            is_of_date = not each.biz_dts.isdisjoint(biz_dts)
            counts = is_of_date and (each.has_begun or not begun_only)
            if counts and self.plans(each.run, job_names):
                yield each.run.run_id

    def held_up(self, record: RunRecord) -> frozenset[str]:
        """Return the dates of a failed run that another run of its jobs held in its time.

        It may have failed on the other one's lock alone. A run that was canceled did not.
        """
        run = record.dagster_run
        if run.run_id not in self._held_up:
            is_failed = run.status is DagsterRunStatus.FAILURE
            self._held_up[run.run_id] = self._dates_of_others(record) if is_failed else frozenset()
        return self._held_up[run.run_id]

    def _dates_of_others(self, record: RunRecord) -> frozenset[str]:
        run, began, ended = record.dagster_run, _begin(record), ended_at(record)
        job_names, dates = self._steps(run), frozenset(biz_dts_or_none(run))
        # Wider than needed, as a database may round its times.
        before = ended + timedelta(seconds=1)
        filters = (
            # One that goes on was updated last when it began, which may be long ago.
            dg.RunsFilter(statuses=_BEGUN, created_before=before),
            dg.RunsFilter(updated_after=began - timedelta(seconds=1), created_before=before),
        )
        records = [each for one in filters for each in self.instance.get_run_records(one)]
        held: frozenset[str] = frozenset()
        for other in records:
            holder = other.dagster_run
            has_begun = holder.is_finished or holder.status in _BEGUN
            if holder.run_id == run.run_id or not has_begun or _begin(other) >= ended:
                continue
            if holder.is_finished and ended_at(other) <= began:
                continue
            if self.plans(holder, job_names):
                held |= dates.intersection(biz_dts_or_none(holder))
        return held

    def _steps(self, run: DagsterRun) -> Collection[str]:
        return self._planned_steps(plan_of_run(run)).keys()


def _begin(record: RunRecord) -> datetime:
    return _moment(record.start_time) or record.create_timestamp


def ended_at(record: RunRecord) -> datetime:
    """Return when a run that is over ended."""
    return _moment(record.end_time) or record.update_timestamp


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, tz=timezone.utc)
