"""The control tables as SQLAlchemy has them, with a type for each kind of column."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator, TypeEngine

from orch_dagster.control.tables import TABLES, Kind, Table, time_or_value, to_micros


class UtcMicros(TypeDecorator[datetime]):
    """Aware UTC datetimes stored as whole microseconds, so that all stores agree."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> int | None:  # noqa: ARG002
        """Convert a datetime to microseconds."""
        return None if value is None else to_micros(value)

    def process_result_value(self, value: Any | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        """Convert microseconds to an aware datetime; leave what is none to the check of the row."""
        return value if value is None else time_or_value(value)


SQL_TYPES: Mapping[Kind, type[TypeEngine[Any]]] = {
    Kind.TEXT: sa.Text,
    Kind.DATE: sa.Text,
    Kind.INTEGER: sa.BigInteger,
    Kind.DOUBLE: sa.Double,
    Kind.TIMESTAMP: UtcMicros,
}


@cache
def sql_tables() -> Mapping[str, sa.Table]:
    """Return the control tables as SQLAlchemy's, by name; made once for all stores."""
    metadata = sa.MetaData()
    return {table.name: sql_table(table, metadata) for table in TABLES}


def sql_table(table: Table, metadata: sa.MetaData) -> sa.Table:
    """Return a control table as SQLAlchemy's, added to the metadata."""
    columns = [
        sa.Column(
            column.name,
            SQL_TYPES[column.kind],
            primary_key=column.key,
            nullable=not column.key,
            comment=column.comment,
        )
        for column in table.columns
    ]
    return sa.Table(table.name, metadata, *columns, comment=table.comment)
