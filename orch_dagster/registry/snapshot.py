"""The snapshot of the registry, from which a code location loads while its store is down."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

from orch_dagster.control.group import GroupKey
from orch_dagster.control.records import JobDependency, JobMaster, SysParam, read_records
from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import (
    PROCESS_CONTROL,
    is_iso_date,
)
from orch_dagster.errors import PermanentStoreError
from orch_dagster.files import write_atomically


@dataclass(frozen=True)
class RegistryRows:
    """The rows that a code location is built from.

    Attributes:
        store: The address of their store.
        environment: The environment of their sys_params.
        masters: All rows of job_master.
        dependencies: All rows of job_dependency.
        schedule_params: The environment's sys_params whose key starts with ``schedule.``.
        first_biz_dt: The earliest biz_dt of process_control, or None.
        read_at: When they were read, UTC.
        keyed_groups: The groups with business_keys in process_control.
    """

    store: str
    environment: str
    masters: Sequence[JobMaster]
    dependencies: Sequence[JobDependency]
    schedule_params: Sequence[SysParam]
    first_biz_dt: str | None
    read_at: datetime
    keyed_groups: Sequence[GroupKey] = field(default_factory=list)


def read_rows(store: ControlStore, environment: str) -> RegistryRows:
    """Read the registry's rows from the store."""
    where = {"environment": environment, "param_type": "system"}
    columns = ["entity", "source_system", "biz_dt", "business_keys"]
    dates = store.read(PROCESS_CONTROL, columns=columns)
    return RegistryRows(
        store=store.address,
        environment=environment,
        masters=read_records(store, JobMaster),
        dependencies=read_records(store, JobDependency),
        schedule_params=[
            row
            for row in read_records(store, SysParam, where)
            if row.param_key.startswith("schedule.")
        ],
        # A table that an earlier tool filled may hold anything.
        first_biz_dt=min(
            (day for row in dates if is_iso_date(day := str(row["biz_dt"]))), default=None
        ),
        read_at=datetime.now(timezone.utc),
        keyed_groups=sorted(
            {
                GroupKey(str(row["entity"]), str(row["source_system"]))
                for row in dates
                if row["business_keys"]
            }
        ),
    )


def save(rows: RegistryRows, path: Path) -> None:
    """Write the snapshot, whole or not at all."""
    document = {
        "store": rows.store,
        "environment": rows.environment,
        "read_at": rows.read_at.isoformat(),
        "first_biz_dt": rows.first_biz_dt,
        "keyed_sources": rows.keyed_groups,
        "job_master": [row.to_row() for row in rows.masters],
        "job_dependency": [row.to_row() for row in rows.dependencies],
        "sys_params": [row.to_row() for row in rows.schedule_params],
    }
    write_atomically(path, json.dumps(document, ensure_ascii=False))


def load(path: Path) -> RegistryRows | None:
    """Read the snapshot, or return None if there is none.

    Raises:
        PermanentStoreError: If the file is not a snapshot, or can't be read.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return RegistryRows(
            store=document["store"],
            environment=document["environment"],
            masters=[JobMaster.from_row(row) for row in document["job_master"]],
            dependencies=[JobDependency.from_row(row) for row in document["job_dependency"]],
            schedule_params=[SysParam.from_row(row) for row in document["sys_params"]],
            first_biz_dt=document["first_biz_dt"],
            read_at=datetime.fromisoformat(document["read_at"]),
            # A snapshot of an older version has no such key.
            keyed_groups=[GroupKey(e, s) for e, s in document.get("keyed_sources", ())],
        )
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PermanentStoreError(
            f"not a snapshot of the registry ({error}); delete the file", store=str(path)
        ) from error
    except OSError as error:
        raise PermanentStoreError(
            f"the snapshot of the registry can't be read ({error.strerror}); give this user "
            f"access to it or delete the file",
            store=str(path),
        ) from error
