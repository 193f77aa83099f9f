"""The records are the tables."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime

import pytest

from orch_dagster.control import records
from orch_dagster.control.tables import (
    EXECUTION_LOG,
    JOB_DEPENDENCY,
    JOB_MASTER,
    PROCESS_CONTROL,
    SYS_PARAMS,
    TABLES,
    Kind,
    Table,
)

OF_TABLE: dict[str, type[records.Record]] = {
    JOB_MASTER.name: records.JobMaster,
    PROCESS_CONTROL.name: records.ProcessControl,
    JOB_DEPENDENCY.name: records.JobDependency,
    SYS_PARAMS.name: records.SysParam,
    EXECUTION_LOG.name: records.ExecutionLog,
}
PYTHON = {
    Kind.TEXT: "str",
    Kind.DATE: "str",
    Kind.INTEGER: "int",
    Kind.DOUBLE: "float",
    Kind.TIMESTAMP: datetime.__name__,
}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_fields_are_the_columns_in_order_and_of_their_kind(table: Table) -> None:
    declared = fields(OF_TABLE[table.name])

    assert tuple(field.name for field in declared) == table.names
    assert [str(field.type).removesuffix(" | None") for field in declared] == [
        PYTHON[column.kind] for column in table.columns
    ]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_keys_come_first(table: Table) -> None:
    assert table.names[: len(table.keys)] == table.keys


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_to_row_and_back(table: Table) -> None:
    record = OF_TABLE[table.name]
    row = dict.fromkeys(table.names, "x")

    assert record.from_row(row).to_row() == row
    assert record.from_row({**row, "unheard_of": 1}).to_row() == row
    assert list(record.from_row(row).to_row()) == list(table.names)
