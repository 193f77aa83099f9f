"""The full check of a sys_param of param_type system, which may read files and load Dagster."""

from __future__ import annotations

from orch_dagster.control.sys_params import SettingCheck
from orch_dagster.schedule.settings import setting_error
from orch_dagster.settings import Settings


def setting_check(settings: Settings) -> SettingCheck:
    """Return the check of a value in this home."""
    return lambda key, value: setting_error(key, value, settings.referenced_files, _is_cron)


def _is_cron(text: str) -> bool:
    # Imported late, as loading Dagster takes a second.
    from orch_dagster.defs.schedule.definitions import is_cron_schedule

    return is_cron_schedule(text)
