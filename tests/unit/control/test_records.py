"""The records are the tables."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime

import pytest

from orch_dagster.control import records
from orch_dagster.control.records import ProcessControl, read_records
from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import PROCESS_CONTROL, TABLES, Kind, Table

OF_TABLE = {record.table.name: record for record in records.Record.__subclasses__()}
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


def test_records_of_the_store_by_key_with_the_key_whatever_the_columns(
    store: ControlStore,
) -> None:
    rows = [
        ProcessControl("GELS", "FPMS", day, process_dt="2024-06-01", run_id="r")
        for day in ("2024-05-16", "2024-05-15")
    ]
    other = ProcessControl("ACME", "CRM", "2024-05-15")
    store.insert_ignore(PROCESS_CONTROL, [row.to_row() for row in (*rows, other)])

    assert read_records(store, ProcessControl) == [other, rows[1], rows[0]]
    of_group = rows[0].group.columns
    assert read_records(store, ProcessControl, of_group, ["run_id"]) == [
        ProcessControl("GELS", "FPMS", day, run_id="r") for day in ("2024-05-15", "2024-05-16")
    ]
    assert read_records(store, ProcessControl, {"entity": "NONE"}) == []
