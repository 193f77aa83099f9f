"""The snapshot of the registry, from which a code location loads while its store is down."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from framework.contract.comma_list import comma_names
from orch_dagster.control.group import GroupKey
from orch_dagster.control.records import JobDependency, JobMaster, R, SysParam
from orch_dagster.control.store import ControlStore
from orch_dagster.control.stored_rows import may_be_null
from orch_dagster.control.tables import (
    JOB_DEPENDENCY,
    JOB_MASTER,
    PROCESS_CONTROL,
    SYS_PARAMS,
    Kind,
    Row,
    shown,
)
from orch_dagster.errors import PermanentStoreError
from orch_dagster.files import write_atomically
from orch_dagster.registry.jobs import Finding
from orch_dagster.registry.set_aside import set_aside_finding


@dataclass(frozen=True)
class RegistryRows:
    """The rows that a code location is built from.

    Attributes:
        store: The address of their store.
        environment: The environment of their sys_params.
        masters: All rows of job_master.
        dependencies: All rows of job_dependency.
        schedule_params: The environment's sys_params whose key starts with ``schedule.``.
        read_at: When they were read, UTC.
        keyed_groups: The names in business_keys of process_control, of each group with some; no
            names where an older snapshot did not tell them.
        set_aside: A finding for each row of these tables that can't be used.
    """

    store: str
    environment: str
    masters: Sequence[JobMaster]
    dependencies: Sequence[JobDependency]
    schedule_params: Sequence[SysParam]
    read_at: datetime
    keyed_groups: Mapping[GroupKey, Sequence[str]] = field(
        default_factory=dict[GroupKey, Sequence[str]]
    )
    set_aside: Sequence[Finding] = field(default_factory=list[Finding])


def read_rows(store: ControlStore, environment: str) -> RegistryRows:
    """Read the registry's rows from the store."""
    where = {"environment": environment, "param_type": "system"}
    masters, dependencies = store.read_stored(JOB_MASTER), store.read_stored(JOB_DEPENDENCY)
    # All columns, as a date whose row can't be used is not open.
    dates = store.read_stored(PROCESS_CONTROL)
    params = store.read_stored(SYS_PARAMS, where)
    bad = [*masters.bad, *dependencies.bad, *dates.bad, *params.bad]
    ids = {str(row["job_name"]): str(row["job_id"]) for row in masters.rows}
    return RegistryRows(
        store=store.address,
        environment=environment,
        masters=[JobMaster.from_row(row) for row in masters.rows],
        dependencies=[JobDependency.from_row(row) for row in dependencies.rows],
        schedule_params=[
            SysParam.from_row(row)
            for row in params.rows
            if str(row["param_key"]).startswith("schedule.")
        ],
        read_at=datetime.now(timezone.utc),
        keyed_groups=_keyed_groups(dates.rows),
        set_aside=[set_aside_finding(row, ids) for row in bad],
    )


def save(rows: RegistryRows, path: Path) -> None:
    """Write the snapshot, whole or not at all."""
    document = {
        "store": rows.store,
        "environment": rows.environment,
        "read_at": rows.read_at.isoformat(),
        "keyed_sources": list(rows.keyed_groups),
        "business_keys": [[*key, *names] for key, names in rows.keyed_groups.items()],
        "job_master": [row.to_row() for row in rows.masters],
        "job_dependency": [row.to_row() for row in rows.dependencies],
        "sys_params": [row.to_row() for row in rows.schedule_params],
        "set_aside": [_stored_finding(finding) for finding in rows.set_aside],
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
            store=_text(document["store"]),
            environment=_text(document["environment"]),
            masters=_records(JobMaster, document["job_master"]),
            dependencies=_records(JobDependency, document["job_dependency"]),
            schedule_params=_records(SysParam, document["sys_params"]),
            read_at=_time(document["read_at"]),
            # A snapshot of an older version has no such keys.
            keyed_groups={
                **{GroupKey(_text(e), _text(s)): () for e, s in document.get("keyed_sources", ())},
                **{
                    GroupKey(_text(e), _text(s)): tuple(map(_text, names))
                    for e, s, *names in document.get("business_keys", ())
                },
            },
            set_aside=[_finding(each) for each in document.get("set_aside", ())],
        )
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise PermanentStoreError(
            f"not a snapshot of the registry ({error}); delete the file", store=str(path)
        ) from error
    except OSError as error:
        raise PermanentStoreError(
            f"the snapshot of the registry can't be read ({error.strerror}); give this user "
            f"access to it or delete the file",
            store=str(path),
        ) from error


def _keyed_groups(rows: Iterable[Row]) -> dict[GroupKey, Sequence[str]]:
    """Return the names in business_keys of all dates, by group."""
    names: dict[GroupKey, dict[str, None]] = {}
    for row in rows:
        if row["business_keys"]:
            of_group = names.setdefault(GroupKey(str(row["entity"]), str(row["source_system"])), {})
            of_group |= dict.fromkeys(comma_names(str(row["business_keys"])))
    return {key: tuple(names[key]) for key in sorted(names)}


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{shown(value)} is not text")
    return value


def _time(value: object) -> datetime:
    time = datetime.fromisoformat(_text(value))
    if time.tzinfo is None:
        raise ValueError(f"{value} has no time zone")
    return time


def _stored_finding(finding: Finding) -> Mapping[str, Any]:
    """Return the fields that every version reads; nobody is tolerant of a row that is set aside."""
    return {name: value for name, value in asdict(finding).items() if name != "is_tolerated"}


def _finding(row: Mapping[str, Any]) -> Finding:
    for name, value in row.items():
        if isinstance(value, bool) != (name == "is_warning"):
            raise TypeError(f"{name} of a finding is {shown(value)}")
        if name != "is_warning":
            _text(value)
    return Finding(**row)


def _records(record: type[R], rows: Sequence[Mapping[str, Any]]) -> list[R]:
    """Return the records of rows, refusing values of other types than the columns'."""
    for row in rows:
        for column in record.table.columns:
            value = row.get(column.name)
            if value is None and may_be_null(record.table, column):
                continue
            kind = int if column.kind is Kind.INTEGER else str
            if not isinstance(value, kind) or isinstance(value, bool):
                raise TypeError(f"{column.name} of {record.table.name} is {shown(value)}")
    return [record.from_row(row) for row in rows]
