"""The sensor that shows the dates which others open or close in process_control."""

from __future__ import annotations

import dagster as dg

from framework.contract.some_of import some_of
from framework.contract.visible import visible
from orch_dagster.control.connect import opened_store
from orch_dagster.defs.dagster_internals.previews import is_preview
from orch_dagster.defs.open_partitions import DatesChange, plan_changes
from orch_dagster.registry.location import Location

OPEN_DATES_SENSOR = "open_dates"

# The daemon looks every few seconds which sensors are due; a date shows within 30.
_INTERVAL_S = 15
_GROUPS_NAMED = 10
_DATES_NAMED = 5


def open_dates_sensor(location: Location) -> dg.SensorDefinition:
    """Build the sensor that keeps the partitions of all groups in step with process_control."""
    settings = location.settings
    groups = [group.key for group in location.registry.groups.values()]

    @dg.sensor(
        name=OPEN_DATES_SENSOR,
        minimum_interval_seconds=_INTERVAL_S,
        # It shows only what somebody wrote into process_control.
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Shows the dates that something else than orch opened or closed in "
        "process_control: they become partitions of their group, or no longer are.",
    )
    def open_dates(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        with opened_store(settings) as store:
            changes = plan_changes(context.instance, store, groups)
        if not is_preview(context):
            for change in changes:
                change.write(context.instance)
        return dg.SkipReason(visible(_text(changes)))

    return open_dates


def _text(changes: list[DatesChange]) -> str:
    if not changes:
        return "The partitions are the open dates of process_control"
    return some_of(map(_change_text, changes), len(changes), "; ", _GROUPS_NAMED)


def _change_text(change: DatesChange) -> str:
    parts = {"opened": change.opened, "closed": change.closed}
    texts = [f"{verb} {_dates(days)}" for verb, days in parts.items() if days]
    return f"{change.group}: {', '.join(texts) or 'put in order'}"


def _dates(days: tuple[str, ...]) -> str:
    return some_of(days, len(days), most=_DATES_NAMED)
