"""The schedules by business date, as Dagster definitions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache

import dagster as dg

from framework.contract.system_settings import SCHEDULE_CRON, SYSTEM_SETTINGS
from orch_dagster.control.group import GroupKey
from orch_dagster.control.records import SysParam
from orch_dagster.control.tables import SYS_PARAMS
from orch_dagster.defs.dagster_internals.cron_ticks import has_ticks
from orch_dagster.defs.schedule.tick import evaluate_tick
from orch_dagster.errors import SettingsError
from orch_dagster.registry.jobs import Finding
from orch_dagster.registry.location import Location
from orch_dagster.schedule.schedules import Schedule, schedules_of
from orch_dagster.schedule.settings import NOT_A_CRON, setting_error


@cache
def is_cron_schedule(text: str) -> bool:
    """Tell whether Dagster accepts the text as a cron schedule, and can tell its ticks."""
    # A long one takes it minutes.
    if SCHEDULE_CRON.error(text):
        return False
    try:
        dg.ScheduleDefinition(job_name="any", cron_schedule=text)
    except dg.DagsterInvalidDefinitionError:
        return False
    return has_ticks(text)


def by_biz_dt(location: Location) -> list[Schedule]:
    """Return the schedules of the location.

    Raises:
        SettingsError: If ORCH_SCHEDULE_CRON is not a cron schedule.
    """
    cron = location.settings.schedule_cron
    if not is_cron_schedule(cron):
        raise SettingsError(f"ORCH_SCHEDULE_CRON: {NOT_A_CRON.format(cron)}")
    return schedules_of(location, is_cron_schedule)


def schedule_definitions(location: Location) -> Sequence[dg.ScheduleDefinition]:
    """Build the location's schedules for Dagster, all stopped by default."""
    schedules = by_biz_dt(location)
    names: dict[GroupKey, list[str]] = defaultdict(list)
    for schedule in schedules:
        names[schedule.group].append(schedule.name)
    return [_definition(schedule, names[schedule.group], location) for schedule in schedules]


def schedule_findings(location: Location) -> list[Finding]:
    """Return a warning for each sys_param of schedules with an invalid value."""
    reasons = ((row, _fault(row, location)) for row in location.schedule_params)
    return [
        Finding(
            table=SYS_PARAMS.name,
            key=SYS_PARAMS.key_text(row.to_row()),
            reason=reason,
            job_id="",
            is_warning=True,
        )
        for row, reason in reasons
        if reason
    ]


def _fault(row: SysParam, location: Location) -> str | None:
    if row.param_key not in SYSTEM_SETTINGS:
        return None
    files = location.settings.referenced_files
    reason = setting_error(row.param_key, row.param_value, files, is_cron_schedule)
    if reason is None:
        return None
    is_of_load = SYSTEM_SETTINGS[row.param_key].read == SCHEDULE_CRON.read
    effect = (
        "its ORCH_SCHEDULE_ setting is used instead"
        if is_of_load
        else "the ticks that use it fail until it is corrected"
    )
    return f"param_value: {reason}; {effect}"


def _definition(
    schedule: Schedule, siblings: Sequence[str], location: Location
) -> dg.ScheduleDefinition:
    def tick(
        context: dg.ScheduleEvaluationContext,
    ) -> Iterator[dg.RunRequest | dg.SkipReason]:
        yield from evaluate_tick(schedule, siblings, location, context)

    jobs = schedule.job_name if len(schedule.specs) == 1 else f"the jobs of {schedule.group.name}"
    return dg.ScheduleDefinition(
        name=schedule.name,
        job_name=schedule.job_name,
        cron_schedule=schedule.cron,
        execution_timezone=schedule.timezone,
        execution_fn=tick,
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description=f"Opens the business dates that are due, and requests runs of {jobs}.",
    )
