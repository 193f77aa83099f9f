"""What a code location is made of, read once when it loads."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from orch_dagster.control.connect import opened_store
from orch_dagster.control.group import GroupKey
from orch_dagster.control.records import SysParam
from orch_dagster.errors import StoreError
from orch_dagster.registry.jobs import Registry, build_registry, script_check
from orch_dagster.registry.snapshot import RegistryRows, load, read_rows, save
from orch_dagster.settings import Settings


@dataclass(frozen=True)
class Location:
    """Settings and registry of this code location.

    Attributes:
        settings: Of the process that loaded it.
        registry: Its jobs.
        schedule_params: sys_params whose key starts with ``schedule.``.
        first_biz_dt: Where partitions start.
        keyed_groups: Those whose rows can be told apart, by
            business_keys of process_control.
        notice: What to tell about the load, such as how old the picture is; None where all is well.
    """

    settings: Settings
    registry: Registry
    schedule_params: Sequence[SysParam]
    first_biz_dt: str
    keyed_groups: Collection[GroupKey] = ()
    notice: str | None = None

    @property
    def job_ids(self) -> Mapping[str, str]:
        """job_name to job_id."""
        return {spec.job_name: spec.job_id for spec in self.registry.jobs.values()}


def load_location(settings: Settings) -> Location:
    """Read the registry, or the last one that could be read where the store is down.

    Raises:
        StoreError: The store cannot be read, and never could.
    """
    rows, notice = _rows(settings)
    registry = build_registry(
        rows.masters,
        rows.dependencies,
        script_check(settings.jobs_dir, settings.script_url_prefixes),
        settings.base_dir,
    )
    first = settings.first_biz_dt.isoformat() if settings.first_biz_dt else rows.first_biz_dt
    return Location(
        settings=settings,
        registry=registry,
        schedule_params=rows.schedule_params,
        first_biz_dt=first or datetime.now(timezone.utc).date().isoformat(),
        keyed_groups=rows.keyed_groups,
        notice=notice,
    )


def _rows(settings: Settings) -> tuple[RegistryRows, str | None]:
    path = settings.state_dir / "registry.json"
    with opened_store(settings) as store:
        try:
            rows = read_rows(store, settings.env)
        except StoreError as error:
            kept = load(path)
            # A picture of another store or environment would show jobs that are not there.
            if kept is None or (kept.store, kept.environment) != (store.address, settings.env):
                raise
            age = datetime.now(timezone.utc) - kept.read_at
            return kept, (
                f"{error}. The jobs shown are those of {kept.read_at:%Y-%m-%d %H:%M:%S} UTC, "
                f"{age.total_seconds() / 60:.0f} minutes ago; runs fail until the store is back."
            )
    try:
        save(rows, path)
    except OSError as error:
        return rows, f"the registry could not be kept for the day its store is down: {error}"
    return rows, None
