"""The reference of the control tables says of them what their declaration says."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from orch_dagster.control.kudu.schema import TYPES
from orch_dagster.control.sql_tables import SQL_TYPES
from orch_dagster.control.tables import TABLES, Kind, Table
from orch_dagster.settings import REPOSITORY

PAGE = REPOSITORY / "docs" / "reference" / "control-tables.md"
HOLDS = {
    Kind.TEXT: "Text, at most 64 KB of UTF-8",
    Kind.DATE: "A date as text: `2024-05-15`",
    Kind.INTEGER: "A whole number of 64 bits",
    Kind.DOUBLE: "A finite number",
    Kind.TIMESTAMP: "A time in UTC, to the microsecond",
}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_the_page_has_each_table_as_it_is_declared(table: Table) -> None:
    """On a failure the section wanted is in the message."""
    wanted = "\n".join(section_of(table))
    assert wanted in PAGE.read_text(encoding="utf-8"), wanted


def test_the_page_has_each_type_as_the_stores_keep_it() -> None:
    wanted = "\n".join(types_table())
    assert wanted in PAGE.read_text(encoding="utf-8"), wanted


def test_the_page_has_no_other_table() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert re.findall(r"^## (\w+)$", text, re.MULTILINE) == [
        *(table.name for table in TABLES),
        "Types",
    ]


def section_of(table: Table) -> Iterator[str]:
    yield f"## {table.name}"
    yield ""
    yield f"{plain(table.comment)}. Key: {', '.join(f'`{name}`' for name in table.keys)}."
    yield ""
    yield "| column | type | key | meaning |"
    yield "|---|---|---|---|"
    for column in table.columns:
        key = "yes" if column.key else ""
        yield f"| `{column.name}` | {column.kind.value} | {key} | {plain(column.comment)} |"


def types_table() -> Iterator[str]:
    yield "| type | holds | SQLite | PostgreSQL | Kudu |"
    yield "|---|---|---|---|---|"
    for kind in Kind:
        names = [
            sa.types.to_instance(SQL_TYPES[kind]).compile(dialect=dialect)
            for dialect in (sqlite.dialect(), postgresql.dialect())
        ]
        yield f"| {kind.value} | {HOLDS[kind]} | {' | '.join(names)} | {TYPES[kind]} |"


def plain(text: str) -> str:
    """The text with what Markdown would take for its own."""
    return re.sub(r"([<*])", r"\\\1", text)
