"""A schedule for each source, by business date."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import dagster as dg

from orch_dagster.bundle import winning_params
from orch_dagster.control.connect import open_store
from orch_dagster.control.tables import PROCESS_CONTROL
from orch_dagster.defs.partitions import PARTITION_TAG
from orch_dagster.location import Location
from orch_dagster.registry import JobSpec


def source_schedules(location: Location) -> Sequence[dg.ScheduleDefinition]:
    """The schedules of the location; all of them load stopped."""
    return [_schedule(location, specs[0]) for specs in location.registry.sources().values()]


def _schedule(location: Location, of: JobSpec) -> dg.ScheduleDefinition:
    """The schedule of the source that the job is of.

    A tick asks for the day before its local date, where process_control has that date open.
    """
    settings = location.settings
    rows = [row for row in location.schedule_params if row.key_name in (of.source, "*")]
    params = {row.param_key: row.param_value for row in winning_params(of, rows)}
    where = {"entity": of.context.entity, "source_system": of.context.source_system}

    def tick(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        biz_dt = (context.scheduled_execution_time.date() - timedelta(days=1)).isoformat()
        store = open_store(settings.control_url, Path(settings.home))
        try:
            is_open = store.read(PROCESS_CONTROL, {**where, "biz_dt": biz_dt}, ["biz_dt"])
        finally:
            store.close()
        if not is_open:
            entity, source_system = where.values()
            return dg.SkipReason(
                f"{biz_dt} is not open for {of.source}; "
                f"open it with `orch open {entity} {source_system} {biz_dt}`"
            )
        return dg.RunRequest(run_key=biz_dt, partition_key=biz_dt, tags={PARTITION_TAG: biz_dt})

    return dg.ScheduleDefinition(
        name=f"{of.source}_by_biz_dt",
        job_name=of.source,
        cron_schedule=params.get("schedule.cron") or settings.schedule_cron,
        execution_timezone=params.get("schedule.timezone") or settings.schedule_timezone,
        execution_fn=tick,
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description=f"Asks for all jobs of {of.source}, for the day before the tick.",
    )
