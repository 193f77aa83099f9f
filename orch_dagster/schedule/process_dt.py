"""process_dt: the calendar date on which the last job of a group completed a business date."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from orch_dagster.control.completions import completed
from orch_dagster.control.records import COMPLETED, ExecutionLog, ProcessControl, read_records
from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import PROCESS_CONTROL, Row, is_iso_date
from orch_dagster.registry.jobs import Group


def completed_by_run(rows: Iterable[ExecutionLog], job_ids: Collection[str]) -> dict[str, datetime]:
    """Return when a run completed each date for all of its jobs of one group.

    A date that failed for any of them is left out, so its process_dt stays.

    Args:
        rows: The run's rows of execution_log.
        job_ids: The jobs of the group that the run was planned to run; at least one.
    """
    ends: dict[str, dict[str, datetime]] = defaultdict(dict)
    for row in rows:
        if row.status == COMPLETED and row.job_id and row.biz_dt and row.end_time:
            ends[row.biz_dt][row.job_id] = row.end_time
    return {
        biz_dt: max(at[job_id] for job_id in job_ids)
        for biz_dt, at in ends.items()
        if at.keys() >= set(job_ids)
    }


def stamp_process_dts(
    store: ControlStore, group: Group, ends: Mapping[str, datetime], zone: str
) -> list[str]:
    """Write process_dt of the dates that all jobs of a group have completed; safe to repeat.

    Args:
        store: The control store; execution_log has the runs' rows already.
        group: The group with all of its jobs.
        ends: When a run completed each biz_dt, for all of its jobs.
        zone: The time zone whose calendar counts.

    Returns:
        The dates whose process_dt was changed.
    """
    done = completed(store, group.job_ids, ends)
    complete = [day for day in ends if all((job_id, day) in done for job_id in group.job_ids)]
    if not complete:
        return []
    key = group.key.columns
    rows = read_records(store, ProcessControl, {**key, "biz_dt": complete}, columns=["process_dt"])
    changed: list[Row] = []
    for row in rows:
        biz_dt, before = row.biz_dt, row.process_dt or ""
        process_dt = ends[biz_dt].astimezone(ZoneInfo(zone)).date().isoformat()
        # After an outage an older run may be read after a newer one.
        if not is_iso_date(before) or before < process_dt:
            changed.append({**key, "biz_dt": biz_dt, "process_dt": process_dt})
    if changed:
        store.update(PROCESS_CONTROL, changed)
    return [str(row["biz_dt"]) for row in changed]
