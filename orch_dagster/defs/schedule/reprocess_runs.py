"""The runs that reprocess_dt requested: their tags, and the rows that they settle."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import dagster as dg
from dagster import DagsterInstance, DagsterRun, RunRecord

from orch_dagster.control.records import COMPLETED, ExecutionLog, ProcessControl, read_records
from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import PROCESS_CONTROL
from orch_dagster.defs.dagster_internals.run_changes import tag_run
from orch_dagster.defs.partitions import PARTITION_TAG
from orch_dagster.registry.jobs import Group
from orch_dagster.registry.location import Location

# The group that a run reprocesses, the requesting reprocess_dt, and the row's run_id at that time.
REPROCESS_TAG = "orch/reprocess"
_REPROCESS_DT_TAG = "orch/reprocess_dt"
_ROW_RUN_ID_TAG = "orch/reprocess_row_run_id"
# The last two with their dates, as JSON, in a run that reprocesses several. The dates come last,
# because many share the others, and an index of Postgres takes at most 2,704 bytes of a tag.
_DATES_TAG = "orch/reprocess_dates"
# The dates of which all jobs completed and the row's value is cleared, so that the same value may
# be set again; "true" in a run of one date.
_SETTLED_TAG = "orch/reprocess_settled"

# Older runs lie before what any row still waits for.
_NEWEST_RUNS = 500


@dataclass(frozen=True)
class Requested:
    """A row of process_control as it was when its date was requested.

    Attributes:
        reprocess_dt: Its reprocess_dt.
        row_run_id: Its run_id; '' for null.
    """

    reprocess_dt: str
    row_run_id: str = ""


def reprocess_tags(
    group: Group, rows: Sequence[ProcessControl], biz_dts: Sequence[str]
) -> dict[str, str]:
    """Return the tags of a run that reprocesses the dates of these rows of a group.

    Args:
        group: The group.
        rows: The rows, whose reprocess_dt is due; at least one.
        biz_dts: All dates of the run.
    """
    if len(biz_dts) == 1:
        (row,) = rows
        values = {_REPROCESS_DT_TAG: row.reprocess_dt, _ROW_RUN_ID_TAG: row.run_id}
        return {REPROCESS_TAG: group.name} | {tag: text for tag, text in values.items() if text}
    days: dict[str, dict[str, str]] = {}
    for row in rows:
        of_value = days.setdefault(row.reprocess_dt or "", {})
        of_value[row.run_id or ""] = f"{of_value.get(row.run_id or '', '')} {row.biz_dt}".strip()
    return {REPROCESS_TAG: group.name, _DATES_TAG: json.dumps(days)}


def requested_rows(run: DagsterRun) -> Mapping[str, Requested]:
    """Return the rows that requested a run, by biz_dt; none for any other run."""
    tags = run.tags
    if _DATES_TAG in tags:
        return {
            day: Requested(reprocess_dt, row_run_id)
            for reprocess_dt, of_value in json.loads(tags[_DATES_TAG]).items()
            for row_run_id, days in of_value.items()
            for day in days.split()
        }
    if REPROCESS_TAG not in tags or PARTITION_TAG not in tags:
        return {}
    values = Requested(tags.get(_REPROCESS_DT_TAG, ""), tags.get(_ROW_RUN_ID_TAG, ""))
    return {tags[PARTITION_TAG]: values}


def is_settled(run: DagsterRun, biz_dt: str) -> bool:
    """Tell whether the value that requested a date was cleared after the run."""
    settled = run.tags.get(_SETTLED_TAG, "")
    return settled == "true" or biz_dt in settled.split()


def runs_of_group(instance: DagsterInstance, group: Group) -> Sequence[RunRecord]:
    """Return the newest runs that reprocess_dt requested of a group."""
    filters = dg.RunsFilter(tags={REPROCESS_TAG: group.name})
    return instance.get_run_records(filters, limit=_NEWEST_RUNS)


def settle_reprocess(
    instance: DagsterInstance, store: ControlStore, location: Location, run: DagsterRun
) -> None:
    """Clear reprocess_dt of each date once all jobs of the group completed it in requested runs.

    Repeating it is safe.

    Args:
        instance: The instance of the runs.
        store: The control store; execution_log has the run's rows already.
        location: The registry.
        run: A run that has ended.
    """
    group = location.registry.groups.get(run.tags.get(REPROCESS_TAG, ""))
    asked = {day: row for day, row in requested_rows(run).items() if not is_settled(run, day)}
    if group is None or not asked:
        return
    # A failed run may have been continued by later ones.
    runs = [record.dagster_run for record in runs_of_group(instance, group)]
    for biz_dt, row in asked.items():
        of_value = [each for each in runs if _is_of_value(each, biz_dt, row.reprocess_dt)]
        if completed_by(store, group, biz_dt, [each.run_id for each in of_value]):
            _clear(store, group, biz_dt, row.reprocess_dt)
            runs = [_settled(instance, each, biz_dt) if each in of_value else each for each in runs]


def completed_again(
    instance: DagsterInstance, store: ControlStore, group: Group, row: ProcessControl
) -> frozenset[str]:
    """Return the job_ids that completed the row's date in runs of its reprocess_dt."""
    runs = [record.dagster_run for record in runs_of_group(instance, group)]
    value = row.reprocess_dt or ""
    of_value = [each.run_id for each in runs if _is_of_value(each, row.biz_dt, value)]
    return _completed_ids(store, row.biz_dt, of_value)


def completed_by(store: ControlStore, group: Group, biz_dt: str, run_ids: Sequence[str]) -> bool:
    """Tell whether all jobs of the group completed the date in these runs."""
    return _completed_ids(store, biz_dt, run_ids).issuperset(group.job_ids)


def _completed_ids(store: ControlStore, biz_dt: str, run_ids: Sequence[str]) -> frozenset[str]:
    if not run_ids:
        return frozenset()
    where = {"run_id": run_ids, "biz_dt": biz_dt, "status": COMPLETED}
    rows = read_records(store, ExecutionLog, where, columns=["job_id"])
    return frozenset(row.job_id for row in rows if row.job_id)


def _is_of_value(run: DagsterRun, biz_dt: str, reprocess_dt: str) -> bool:
    """Tell whether the value requested the date in that run, and has not been cleared since."""
    asked = requested_rows(run).get(biz_dt)
    is_same = asked is not None and asked.reprocess_dt == reprocess_dt
    return is_same and not is_settled(run, biz_dt)


def _clear(store: ControlStore, group: Group, biz_dt: str, value: str) -> None:
    key = {**group.key.columns, "biz_dt": biz_dt}
    rows = read_records(store, ProcessControl, key, columns=["reprocess_dt"])
    # Another value is a new request.
    if any(row.reprocess_dt == value for row in rows):
        store.update(PROCESS_CONTROL, [{**key, "reprocess_dt": None}])


def _settled(instance: DagsterInstance, run: DagsterRun, biz_dt: str) -> DagsterRun:
    """Tag the run as settled for the date, and return it as it is then."""
    days = [*run.tags.get(_SETTLED_TAG, "").split(), biz_dt]
    text = " ".join(days) if _DATES_TAG in run.tags else "true"
    tag_run(instance, run.run_id, {_SETTLED_TAG: text})
    return run.with_tags({**run.tags, _SETTLED_TAG: text})
