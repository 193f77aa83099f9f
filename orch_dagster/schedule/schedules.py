"""Which schedules there are, and which sys_params hold for each.

A schedule is that of a source; or of one job, where the job has a cron of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from orch_dagster.bundle.bundle import winning_params
from orch_dagster.control.records import SysParam
from orch_dagster.registry.jobs import JobSpec
from orch_dagster.registry.location import Location
from orch_dagster.settings import is_time_zone

CRON, TIMEZONE = "schedule.cron", "schedule.timezone"


@dataclass(frozen=True)
class Schedule:
    """One schedule.

    Attributes:
        name: Such as ``gels_fpms_by_biz_dt``.
        job_name: The Dagster job that it asks for.
        specs: The jobs that its runs have, parents first.
        key_names: The key_name of the sys_params that hold for it.
        cron: When it ticks.
        timezone: Where; also whose dates its ticks have.
    """

    name: str
    job_name: str
    specs: tuple[JobSpec, ...]
    key_names: tuple[str, ...]
    cron: str
    timezone: str

    @property
    def source(self) -> str:
        """The source of its jobs."""
        return self.specs[0].source

    @property
    def where(self) -> dict[str, str]:
        """entity and source_system of the source, as process_control has them."""
        return self.specs[0].source_key

    @property
    def job_ids(self) -> frozenset[str]:
        """The job_ids of its jobs."""
        return frozenset(spec.job_id for spec in self.specs)

    @property
    def outer_parents(self) -> frozenset[str]:
        """job_ids that its jobs wait for and its runs do not have."""
        return frozenset(id_ for spec in self.specs for id_ in spec.parents) - self.job_ids

    def winning(self, rows: Iterable[SysParam]) -> dict[str, SysParam]:
        """The row of each param_key that holds for it."""
        return _winning(self.specs[0], self.key_names, rows)


def schedules_of(location: Location, is_cron: Callable[[str], bool]) -> list[Schedule]:
    """The schedules of a location: of each source, and of its jobs with a cron of their own.

    Args:
        location: The registry, and the sys_params as they were when it loaded.
        is_cron: Whether a text is a cron schedule; only Dagster knows.
    """
    crons = [
        row
        for row in location.schedule_params
        if row.param_key == CRON and is_cron(row.param_value or "")
    ]
    own = {row.key_name for row in crons}

    def schedule(job_name: str, specs: Sequence[JobSpec], key_names: tuple[str, ...]) -> Schedule:
        cron = _winning(specs[0], key_names, crons).get(CRON)
        return Schedule(
            name=f"{job_name}_by_biz_dt",
            job_name=job_name,
            specs=tuple(specs),
            key_names=key_names,
            cron=(cron and cron.param_value) or location.settings.schedule_cron,
            timezone=_time_zone(location, specs[0], key_names),
        )

    found: list[Schedule] = []
    for source, specs in location.registry.sources().items():
        together = [spec for spec in specs if spec.job_name not in own]
        if together:
            found.append(schedule(source, together, (source, "*")))
        found += [
            schedule(spec.job_name, [spec], (spec.job_name, source, "*"))
            for spec in specs
            if spec.job_name in own
        ]
    return found


def source_time_zone(location: Location, spec: JobSpec) -> str:
    """The name of the time zone of a job's source, in which its dates are told."""
    return _time_zone(location, spec, (spec.source, "*"))


def _time_zone(location: Location, spec: JobSpec, key_names: tuple[str, ...]) -> str:
    zones = [
        row
        for row in location.schedule_params
        if row.param_key == TIMEZONE and is_time_zone(row.param_value or "")
    ]
    zone = _winning(spec, key_names, zones).get(TIMEZONE)
    return (zone and zone.param_value) or location.settings.schedule_timezone


def _winning(
    spec: JobSpec, key_names: Collection[str], rows: Iterable[SysParam]
) -> dict[str, SysParam]:
    """By param_key; a row without a value is as if it were not there."""
    held = [row for row in rows if row.key_name in key_names and row.param_value]
    return {row.param_key: row for row in winning_params(spec, held)}
