"""Tell whether a cron schedule ever ticks.

Missing: a schedule is made of a cron that is well-formed and has no day, such as 31 April, and only
its first tick fails, in the daemon. Buys: such a row is named before. Can go when
ScheduleDefinition refuses it, or Dagster shows the ticks of a cron.
"""

from __future__ import annotations

from datetime import datetime, timezone

from dagster._utils.schedules import cron_string_iterator


def has_ticks(cron: str) -> bool:
    """Return whether a cron schedule that ScheduleDefinition takes has a tick to come."""
    try:
        next(cron_string_iterator(datetime.now(tz=timezone.utc).timestamp(), cron, "UTC"))
    except ValueError:
        return False
    return True
