"""The columns in which a Kudu table is searched for rows to set aside."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from orch_dagster.control.kudu.store import KuduStore
from orch_dagster.control.store import Where
from orch_dagster.control.stored_rows import StoredRows, split_rows
from orch_dagster.control.tables import JOB_MASTER, MAX_CELL_BYTES, TABLES, Table


@pytest.mark.parametrize("text", ["a\0b", "x" * (MAX_CELL_BYTES + 1)])
def test_a_text_besides_the_key_is_read_and_found(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    asked: dict[str, Sequence[str] | None] = {}

    def read_stored(
        _: KuduStore, table: Table, where: Where | None = None, columns: Sequence[str] | None = None
    ) -> StoredRows:
        assert where is None
        asked[table.name] = columns
        names = columns or table.names
        cells = {name: "J1" if name in table.keys else text for name in names}
        return split_rows(table, [cells] if table is JOB_MASTER else [], names)

    monkeypatch.setattr(KuduStore, "read_stored", read_stored)
    store = object.__new__(KuduStore)
    found = {table.name: store.bad_rows(table) for table in TABLES}
    (row,) = found[JOB_MASTER.name]
    assert "comments" in {column for column, _ in row.problems}
    for table in TABLES:
        # An older table may lack its late columns.
        late = {column.name for column in table.columns if column.is_late}
        assert {*(asked[table.name] or ())} == {*table.names} - late
