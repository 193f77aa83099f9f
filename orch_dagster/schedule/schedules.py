"""The schedules of a location, and the sys_params that apply to each.

A schedule belongs to a group, or to one job that has a cron of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from framework.contract.setting_values import is_time_zone
from framework.contract.system_settings import SCHEDULE_CRON, SCHEDULE_TIMEZONE
from orch_dagster.control.group import GroupKey
from orch_dagster.control.key_names import ParamsByKeyName
from orch_dagster.control.records import SysParam
from orch_dagster.registry.jobs import Group, JobSpec
from orch_dagster.registry.location import Location


@dataclass(frozen=True)
class Schedule:
    """One schedule.

    Attributes:
        name: Its name, such as ``gels_fpms_by_biz_dt``.
        job_name: The Dagster job that it requests.
        group: The group whose dates it requests.
        specs: The jobs of its runs, parents first.
        key_names: The key_names of the sys_params that apply to it, the narrowest first.
        cron: When it ticks.
        timezone: The time zone of the cron and of the ticks' dates.
    """

    name: str
    job_name: str
    group: GroupKey
    specs: tuple[JobSpec, ...]
    key_names: tuple[str, ...]
    cron: str
    timezone: str

    @property
    def job_ids(self) -> frozenset[str]:
        """Return the job_ids of its jobs."""
        return frozenset(spec.job_id for spec in self.specs)

    @property
    def outer_parents(self) -> frozenset[str]:
        """Return the job_ids of parents outside its runs."""
        return frozenset(id_ for spec in self.specs for id_ in spec.parents) - self.job_ids

    def winning(self, rows: Iterable[SysParam]) -> dict[str, SysParam]:
        """Return the row of each param_key that applies to it."""
        with_value = ParamsByKeyName(row for row in rows if row.param_value)
        return {row.param_key: row for row in with_value.winning(self.key_names)}


def schedules_of(location: Location, is_cron: Callable[[str], bool]) -> list[Schedule]:
    """Return the schedules of a location: of each group, and of jobs with a cron of their own.

    Args:
        location: The registry, and the sys_params as they were when it loaded.
        is_cron: Returns whether Dagster accepts a text as a cron schedule.
    """
    crons = [
        row
        for row in location.schedule_params
        if row.param_key == SCHEDULE_CRON.key and is_cron(row.param_value or "")
    ]
    own = {row.key_name for row in crons}
    cron_of = _values_of(crons, location.settings.schedule_cron)
    zone_of = time_zones(location)

    def schedule(job_name: str, jobs: Group, key_names: tuple[str, ...]) -> Schedule:
        return Schedule(
            name=f"{job_name}_by_biz_dt",
            job_name=job_name,
            group=jobs.key,
            specs=jobs.jobs,
            key_names=key_names,
            cron=cron_of(key_names),
            timezone=zone_of(key_names),
        )

    schedules: list[Schedule] = []
    for name, group in location.registry.groups.items():
        together = tuple(spec for spec in group.jobs if spec.job_name not in own)
        if together:
            schedules.append(schedule(name, Group(group.key, together), group.key_names))
        schedules += [
            schedule(spec.job_name, Group.of(spec), spec.key_names)
            for spec in group.jobs
            if spec.job_name in own
        ]
    return schedules


def time_zone(location: Location, key_names: Sequence[str]) -> str:
    """Return the name of the time zone whose calendar counts for one group; see time_zones."""
    return time_zones(location)(key_names)


def time_zones(location: Location) -> Callable[[Sequence[str]], str]:
    """Return what names the time zone whose calendar counts for a group or a schedule.

    It takes the key_names of the sys_params that apply, the narrowest first.

    Args:
        location: The sys_params as they were when it loaded, and the setting.
    """
    zones = [
        row
        for row in location.schedule_params
        if row.param_key == SCHEDULE_TIMEZONE.key and is_time_zone(row.param_value or "")
    ]
    return _values_of(zones, location.settings.schedule_timezone)


def _values_of(rows: Iterable[SysParam], otherwise: str) -> Callable[[Sequence[str]], str]:
    """Return what finds a param_key's value by key_names; rows without a value are skipped."""
    with_value = ParamsByKeyName(row for row in rows if row.param_value)

    def value_of(key_names: Sequence[str]) -> str:
        values = (row.param_value for row in with_value.winning(key_names))
        return next(values, None) or otherwise

    return value_of
