"""Find what is wrong with the rows of files by themselves, without the store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from framework.contract.secret_names import PARAM_TYPE
from orch_dagster.control.secret_rows import secret_place_error
from orch_dagster.control.tables import (
    JOB_DEPENDENCY,
    PROCESS_CONTROL,
    SYS_PARAMS,
    TABLE_BY_NAME,
    Kind,
    Row,
    Table,
    row_problems,
)
from orch_dagster.referenced_files import ReferencedFiles
from orch_dagster.registry.row_files import FileRow, Problem

# Columns of several names, which YAML would have as a list.
_COMMA_LISTS = tuple(PROCESS_CONTROL.column(name) for name in ("business_keys", "compare_cols"))
# An empty one says that the job is a root.
_MAY_BE_EMPTY = (JOB_DEPENDENCY.name, "parent_job_id")


def row_faults(
    tables: Mapping[str, Sequence[FileRow]], files: ReferencedFiles
) -> Iterator[Problem]:
    """Yield the faults of each row, with its file and line.

    Args:
        tables: The rows by the name of their table.
        files: The files that a secret may be in.
    """
    for name, rows in tables.items():
        table = TABLE_BY_NAME[name]
        seen: set[str] = set()
        for each in rows:
            faults = [
                (column, text + _remedy(table, column, each.row))
                for column, text in row_problems(table, each.row)
            ]
            if (key := table.key_text(each.row)) in seen:
                faults.append(("", f"{name} ({key}): the key is given twice"))
            seen.add(key)
            faults += [
                (column, f"{name} ({key}): key column {column} is empty")
                for column in table.keys
                if (name, column) != _MAY_BE_EMPTY and str(each.row.get(column, "-")).strip() == ""
            ]
            if table is SYS_PARAMS and (fault := _secret_fault(each.row, files)):
                faults.append(("param_value", f"{name} ({key}): {fault}"))
            for column, text in faults:
                yield Problem(text, each.file, each.line(column))


def _remedy(table: Table, name: str, row: Row) -> str:
    """Return what to write in place of a value that is not text; '' for other faults."""
    column, value = table.column(name), row.get(name)
    if column is None or column.kind is not Kind.TEXT:
        return ""
    if isinstance(value, list | dict):
        return "; write the names with commas: a,b" if column in _COMMA_LISTS else ""
    return "; put it in quotes" if isinstance(value, int | float) else ""


def _secret_fault(row: Row, files: ReferencedFiles) -> str | None:
    """Return what is wrong with a secret's row, such as that it holds the secret itself."""
    if row.get("param_type") != PARAM_TYPE or "param_value" not in row:
        return None
    return secret_place_error(str(row.get("param_key")), str(row["param_value"] or ""), files)
