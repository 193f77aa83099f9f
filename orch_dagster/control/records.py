"""A frozen record for each control table: rows become values at the edge, dicts travel no further.

The fields are the columns of tables.py, in its order, which
tests/unit/control/test_records.py checks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache
from operator import attrgetter
from typing import ClassVar, TypeVar

from orch_dagster.control.group import GroupKey
from orch_dagster.control.store import ControlStore, Where
from orch_dagster.control.tables import (
    EXECUTION_LOG,
    JOB_DEPENDENCY,
    JOB_MASTER,
    PROCESS_CONTROL,
    SYS_PARAMS,
    Row,
    Table,
    Value,
)

R = TypeVar("R", bound="Record")

# execution_log.status; a failure adds its message.
STARTED = "Started"
COMPLETED = "Completed"
CANCELED = "Canceled"
FAILED_PREFIX = "Failed: "


@dataclass(frozen=True)
class Record:
    """The base of the five records, converted from and to rows of the store."""

    table: ClassVar[Table]

    @classmethod
    def from_row(cls: type[R], row: Mapping[str, Value]) -> R:
        """Make the record of a row of the store; missing columns are None."""
        return cls(**{name: row.get(name) for name in _names(cls)})

    def to_row(self) -> Row:
        """Return the record as a row by column name."""
        # Not asdict, whose deep copy plain values do not need.
        record = type(self)
        return dict(zip(_names(record), _values_of(record)(self), strict=True))


def read_records(
    store: ControlStore,
    record: type[R],
    where: Where | None = None,
    columns: Sequence[str] | None = None,
) -> list[R]:
    """Read the records of a table that match, in key order.

    Args:
        store: The control store.
        record: The record type, whose table is read.
        where: The filter, as in ControlStore.read.
        columns: The columns besides the key; the other fields are None. By default, all.

    Raises:
        StoreError: If the store can't be read.
    """
    names = columns and list(dict.fromkeys([*record.table.keys, *columns]))
    return [record.from_row(row) for row in store.read(record.table, where, names)]


@cache
def _names(record: type[Record]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(record))


@cache
def _values_of(record: type[Record]) -> Callable[[Record], tuple[Value, ...]]:
    return attrgetter(*_names(record))


@dataclass(frozen=True)
class JobMaster(Record):
    """A landing job."""

    table = JOB_MASTER

    job_id: str
    job_name: str | None = None
    context_params: str | None = None
    script_path: str | None = None
    comments: str | None = None


@dataclass(frozen=True)
class ProcessControl(Record):
    """An open business date of a group."""

    table = PROCESS_CONTROL

    entity: str
    source_system: str
    biz_dt: str
    start_dt: str | None = None
    end_dt: str | None = None
    process_dt: str | None = None
    reprocess_dt: str | None = None
    business_keys: str | None = None
    compare_cols: str | None = None
    run_id: str | None = None
    last_update_ts: datetime | None = None

    @property
    def group(self) -> GroupKey:
        """Return the key of its group."""
        return GroupKey(self.entity, self.source_system)


@dataclass(frozen=True)
class JobDependency(Record):
    """One parent of one job; an empty parent says that the job is a root."""

    table = JOB_DEPENDENCY

    dependent_job_id: str
    dependent_job_name: str
    parent_job_id: str | None = ""
    parent_job_name: str | None = None
    dependency_level: int | None = None


@dataclass(frozen=True)
class SysParam(Record):
    """A setting for an environment and a job, a group or all."""

    table = SYS_PARAMS

    param_key: str
    environment: str
    key_name: str
    param_value: str | None = None
    param_type: str | None = None


@dataclass(frozen=True)
class ExecutionLog(Record):
    """What became of one business date of one job in one run."""

    table = EXECUTION_LOG

    id: str
    job_id: str | None = None
    job_name: str | None = None
    run_id: str | None = None
    biz_dt: str | None = None
    spark_app_id: str | None = None
    status: str | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    duration: float | None = None
    attempts: int | None = None
    row_count: int | None = None
    error_message: str | None = None
