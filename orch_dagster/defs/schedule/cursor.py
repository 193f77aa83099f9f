"""A schedule's requests so far, read from the runs of Dagster's instance and from a cursor.

A tick is lost when its daemon dies or times out, so only an existing run counts as requested. The
cursor holds the rest: the date up to which nothing is missed, and the jobs that wait.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import dagster as dg
from dagster import DagsterInstance, DagsterRunStatus, RunRecord

from orch_dagster.defs.dagster_internals.cursor_values import (
    read_cursor_values,
    write_cursor_value,
)
from orch_dagster.defs.partitions import PARTITION_TAG

# The schedule whose tick requested the run, and the jobs that it left out, for the reader.
SCHEDULE_TAG = "orch/schedule"
WAITING_TAG = "orch/waiting"
# The schedule that left out the run's only job, and that job, in a run that the sensor requested.
LEFT_OUT_BY_TAG = "orch/left_out_by"
LEFT_OUT_TAG = "orch/left_out"
WAITING_SENSOR = "waiting_jobs"

# A run for each date covers years; older dates lie before the cursor.
_NEWEST_RUNS = 500
_CURSOR_KEY = "orch/schedule/"


@dataclass(frozen=True)
class ScheduleCursor:
    """The cursor of a schedule, written by its ticks alone.

    Attributes:
        up_to: The date up to which no business day is missed; None before the first tick.
        waiting: The names of the jobs that a date's run left out, by biz_dt.
    """

    up_to: str | None = None
    waiting: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def requested_dates(instance: DagsterInstance, schedule_name: str) -> frozenset[str]:
    """Return the dates of the schedule's newest runs."""
    filters = dg.RunsFilter(tags={SCHEDULE_TAG: schedule_name})
    return frozenset(_values(instance.get_run_records(filters, limit=_NEWEST_RUNS), PARTITION_TAG))


def requested_separately(
    instance: DagsterInstance, schedule_name: str, biz_dt: str
) -> frozenset[str]:
    """Return the names of the jobs that the schedule left out on a date and that now have a run."""
    tags = {LEFT_OUT_BY_TAG: schedule_name, PARTITION_TAG: biz_dt}
    return frozenset(_values(instance.get_run_records(dg.RunsFilter(tags=tags)), LEFT_OUT_TAG))


def _values(records: Iterable[RunRecord], tag: str) -> Iterator[str]:
    for record in records:
        run = record.dagster_run
        # A run that was never submitted, as its daemon died, must be requested again.
        if tag in run.tags and run.status is not DagsterRunStatus.NOT_STARTED:
            yield run.tags[tag]


def read_cursors(instance: DagsterInstance, names: Collection[str]) -> dict[str, ScheduleCursor]:
    """Return the cursors of schedules by name; an empty one for a schedule that never ticked."""
    keys = {_CURSOR_KEY + name: name for name in names}
    texts = read_cursor_values(instance, keys)
    return {name: _from_json(texts.get(key)) for key, name in keys.items()}


def write_cursor(instance: DagsterInstance, name: str, cursor: ScheduleCursor) -> None:
    """Write the cursor of a schedule for its next tick and for the sensor."""
    document = {"up_to": cursor.up_to, "waiting": cursor.waiting}
    write_cursor_value(instance, _CURSOR_KEY + name, json.dumps(document))


def _from_json(text: str | None) -> ScheduleCursor:
    document = json.loads(text) if text else {}
    waiting = {day: tuple(names) for day, names in document.get("waiting", {}).items()}
    return ScheduleCursor(document.get("up_to"), waiting)
