"""A schedule for each source, by business date."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

import dagster as dg
from dagster._utils.schedules import is_valid_cron_schedule

from orch_dagster.bundle import winning_params
from orch_dagster.control.connect import open_store
from orch_dagster.control.records import SysParam
from orch_dagster.control.tables import PROCESS_CONTROL, SYS_PARAMS
from orch_dagster.defs.partitions import PARTITION_TAG
from orch_dagster.errors import SettingsError
from orch_dagster.location import Location
from orch_dagster.registry import Finding, JobSpec
from orch_dagster.settings import is_time_zone

_CRON, _TIMEZONE = "schedule.cron", "schedule.timezone"


def source_schedules(location: Location) -> Sequence[dg.ScheduleDefinition]:
    """The schedules of the location; all of them load stopped.

    Raises:
        SettingsError: ORCH_SCHEDULE_CRON is no cron schedule.
    """
    cron = location.settings.schedule_cron
    if not is_valid_cron_schedule(cron):
        raise SettingsError(f"ORCH_SCHEDULE_CRON: {cron!r} is no {_CHECKS[_CRON][0]}")
    return [_schedule(location, specs[0]) for specs in location.registry.sources().values()]


def schedule_findings(location: Location) -> list[Finding]:
    """The sys_params that are no cron or no time zone: in their place the setting holds."""
    return [
        Finding(
            table=SYS_PARAMS.name,
            key=SYS_PARAMS.key_text(row.to_row()),
            reason=f"param_value {row.param_value!r} is no {kind}; the setting holds instead",
            job_id="",
            is_warning=True,
        )
        for row in location.schedule_params
        if row.param_key in _CHECKS
        for kind, is_valid in [_CHECKS[row.param_key]]
        if row.param_value and not is_valid(row.param_value)
    ]


_CHECKS: Mapping[str, tuple[str, Callable[[str], bool]]] = {
    _CRON: ("cron schedule such as 0 2 * * *", is_valid_cron_schedule),
    _TIMEZONE: ("time zone such as Europe/Berlin", is_time_zone),
}


def _params(location: Location, of: JobSpec) -> dict[str, str]:
    """The valid schedule parameters of the job's source by key, the narrower winning."""

    def holds(row: SysParam) -> bool:
        is_valid = _CHECKS[row.param_key][1] if row.param_key in _CHECKS else bool
        return row.key_name in (of.source, "*") and is_valid(row.param_value or "")

    rows = [row for row in location.schedule_params if holds(row)]
    return {row.param_key: row.param_value or "" for row in winning_params(of, rows)}


def _schedule(location: Location, of: JobSpec) -> dg.ScheduleDefinition:
    """The schedule of the source that the job is of.

    A tick asks for the day before its local date, where process_control has that date open.
    """
    settings = location.settings
    params = _params(location, of)
    where = {"entity": of.context.entity, "source_system": of.context.source_system}

    def tick(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        biz_dt = (context.scheduled_execution_time.date() - timedelta(days=1)).isoformat()
        store = open_store(settings.control_url, settings.home)
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
        cron_schedule=params.get(_CRON) or settings.schedule_cron,
        execution_timezone=params.get(_TIMEZONE) or settings.schedule_timezone,
        execution_fn=tick,
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description=f"Asks for all jobs of {of.source}, for the day before the tick.",
    )
