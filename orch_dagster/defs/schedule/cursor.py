"""A schedule's requests so far, read from the runs of Dagster's instance and from a cursor.

A tick is lost when its daemon dies or times out, so only an existing run counts as requested. The
cursor holds the rest: the date up to which nothing is missed, the jobs that wait, and the dates
that wait for another run to end.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

import dagster as dg
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus, RunRecord

from orch_dagster.defs.dagster_internals.cursor_values import (
    read_cursor_values,
    write_cursor_value,
)
from orch_dagster.defs.partitions import biz_dts_or_none
from orch_dagster.defs.schedule.dated_runs import DatedRuns

# The schedule whose tick requested the run, and the jobs that it left out, for the reader.
SCHEDULE_TAG = "orch/schedule"
WAITING_TAG = "orch/waiting"
# The schedule that left out the run's only job, and that job, in a run that the sensor requested.
LEFT_OUT_BY_TAG = "orch/left_out_by"
LEFT_OUT_TAG = "orch/left_out"
WAITING_SENSOR = "waiting_jobs"

# They cover years; older dates lie before the cursor.
_NEWEST_RUNS = 1_000
_CURSOR_KEY = "orch/schedule/"


@dataclass(frozen=True)
class ScheduleCursor:
    """The cursor of a schedule, written by its ticks alone.

    Attributes:
        up_to: The date up to which no business day is missed; None before the first tick.
        waiting: The names of the jobs that a date's run left out, by biz_dt.
        held: The dates that wait for another run to end.
    """

    up_to: str | None = None
    waiting: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    held: tuple[str, ...] = ()


class Requests:
    """The runs that a schedule, or its sensor, requested so far.

    Args:
        records: The runs.
        name_of: Returns the name by which a run is looked up, None for a run that doesn't count.
        runs: Tells which of them another run held up.
    """

    def __init__(
        self,
        records: Iterable[RunRecord],
        name_of: Callable[[DagsterRun], str | None],
        runs: DatedRuns,
    ) -> None:
        self._runs = runs
        self._records: dict[str, dict[str, list[RunRecord]]] = defaultdict(dict)
        for record in records:
            run = record.dagster_run
            name = name_of(run)
            # A run that was never submitted, as its daemon died, must be requested again.
            if name is None or run.status is DagsterRunStatus.NOT_STARTED:
                continue
            for biz_dt in biz_dts_or_none(run):
                self._records[biz_dt].setdefault(name, []).append(record)

    @property
    def dates(self) -> frozenset[str]:
        """Return the dates that were requested, whatever became of their runs."""
        return frozenset(self._records)

    def names(self, biz_dt: str) -> frozenset[str]:
        """Return the names requested for a date, without those whose runs others held up."""
        by_name = self._records.get(biz_dt, {})
        return frozenset(
            name
            for name, records in by_name.items()
            if any(biz_dt not in self._runs.held_up(record) for record in records)
        )

    def held_up(self, name: str, biz_dt: str) -> tuple[str, ...]:
        """Return the ids of the runs for a date that other runs held up."""
        records = self._records.get(biz_dt, {}).get(name, [])
        return tuple(
            record.dagster_run.run_id for record in records if biz_dt in self._runs.held_up(record)
        )


def requested_dates(instance: DagsterInstance, schedule_name: str, runs: DatedRuns) -> Requests:
    """Return the schedule's newest runs, by its name."""
    filters = dg.RunsFilter(tags={SCHEDULE_TAG: schedule_name})
    records = instance.get_run_records(filters, limit=_NEWEST_RUNS)
    return Requests(records, lambda _: schedule_name, runs)


def requested_separately(
    instance: DagsterInstance, schedule_name: str, runs: DatedRuns
) -> Requests:
    """Return the newest runs of the jobs that the schedule left out, by job_name."""
    filters = dg.RunsFilter(tags={LEFT_OUT_BY_TAG: schedule_name})
    records = instance.get_run_records(filters, limit=_NEWEST_RUNS)
    return Requests(records, lambda run: run.tags.get(LEFT_OUT_TAG), runs)


def read_cursors(instance: DagsterInstance, names: Collection[str]) -> dict[str, ScheduleCursor]:
    """Return the cursors of schedules by name; an empty one for a schedule that never ticked."""
    keys = {_CURSOR_KEY + name: name for name in names}
    texts = read_cursor_values(instance, keys)
    return {name: _from_json(texts.get(key)) for key, name in keys.items()}


def write_cursor(instance: DagsterInstance, name: str, cursor: ScheduleCursor) -> None:
    """Write the cursor of a schedule for its next tick and for the sensor."""
    document = {"up_to": cursor.up_to, "waiting": cursor.waiting, "held": cursor.held}
    write_cursor_value(instance, _CURSOR_KEY + name, json.dumps(document))


def _from_json(text: str | None) -> ScheduleCursor:
    document = json.loads(text) if text else {}
    waiting = {day: tuple(names) for day, names in document.get("waiting", {}).items()}
    return ScheduleCursor(document.get("up_to"), waiting, tuple(document.get("held", ())))
