"""The settings and the registry of a code location, read once when it loads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone

from framework.contract.business_dates import FIRST_DATE
from orch_dagster.control.connect import opened_store
from orch_dagster.control.group import GroupKey
from orch_dagster.control.records import SysParam
from orch_dagster.errors import StoreError
from orch_dagster.files import os_fault
from orch_dagster.registry.hql_files import hql_findings
from orch_dagster.registry.jobs import Registry
from orch_dagster.registry.kept_checks import checked_registry
from orch_dagster.registry.snapshot import RegistryRows, load, read_rows, save
from orch_dagster.settings import Settings


@dataclass(frozen=True)
class Location:
    """Settings and registry of this code location.

    Attributes:
        settings: The settings of the process that loaded it.
        registry: Its jobs.
        schedule_params: The sys_params whose key starts with ``schedule.``.
        first_biz_dt: The first date that schedules open.
        keyed_groups: The names in business_keys of process_control, of each group with some.
        store_address: The address of the control store, without its password.
        notice: A warning about the load, such as the age of the snapshot; None if there is none.
        instance_warning: A warning about Dagster's instance; None if there is none.
    """

    settings: Settings
    registry: Registry
    schedule_params: Sequence[SysParam]
    first_biz_dt: str
    keyed_groups: Mapping[GroupKey, Sequence[str]] = field(
        default_factory=dict[GroupKey, Sequence[str]]
    )
    store_address: str = ""
    notice: str | None = None
    instance_warning: str | None = None

    @property
    def job_ids(self) -> Mapping[str, str]:
        """Return job_name to job_id."""
        return {spec.job_name: spec.job_id for spec in self.registry.jobs.values()}


def load_location(settings: Settings) -> Location:
    """Read the registry, or its last snapshot while the store is down.

    Raises:
        StoreError: If the store can't be read and there is no snapshot of it.
    """
    rows, notice = _rows(settings)
    registry = checked_registry(rows, settings)
    of_files = hql_findings(registry.jobs.values(), settings.hql_path)
    registry = replace(registry, findings=(*registry.findings, *of_files))
    return Location(
        settings=settings,
        registry=registry,
        schedule_params=rows.schedule_params,
        first_biz_dt=(settings.first_biz_dt or FIRST_DATE).isoformat(),
        keyed_groups=rows.keyed_groups,
        store_address=rows.store,
        notice=notice,
    )


def _rows(settings: Settings) -> tuple[RegistryRows, str | None]:
    path = settings.state_dir / "registry.json"
    with opened_store(settings) as store:
        try:
            rows = read_rows(store, settings.env)
        except StoreError as error:
            snapshot = load(path)
            # A snapshot of another store or environment would show jobs that do not exist here.
            if snapshot is None or (snapshot.store, snapshot.environment) != (
                store.address,
                settings.env,
            ):
                raise
            age = datetime.now(timezone.utc) - snapshot.read_at
            return snapshot, (
                f"{error}. The jobs shown are those of {snapshot.read_at:%Y-%m-%d %H:%M:%S} UTC, "
                f"{age.total_seconds() / 60:.0f} minutes ago; runs fail until the store is back."
            )
    try:
        save(rows, path)
    except OSError as error:
        return rows, (
            f"the registry's snapshot can't be written, so nothing loads while its store is down: "
            f"{os_fault(error)}"
        )
    return rows, None
