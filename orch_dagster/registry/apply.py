"""Check the registry rows of YAML files as a whole, then write them to the control store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from framework.contract.secret_names import PARAM_TYPE
from orch_dagster.control.records import JobDependency, JobMaster, SysParam
from orch_dagster.control.secret_rows import secret_ref_error
from orch_dagster.control.store import ControlStore
from orch_dagster.control.sys_params import SettingCheck, check_value, system_fault
from orch_dagster.control.tables import (
    JOB_DEPENDENCY,
    JOB_MASTER,
    SYS_PARAMS,
    TABLE_BY_NAME,
    Row,
    Table,
    row_problems,
)
from orch_dagster.errors import OrchError
from orch_dagster.registry.jobs import Finding, build_registry, script_check
from orch_dagster.registry.row_files import (
    APPLIED_TABLES,
    FileRow,
    Problem,
    located,
    read_files,
)
from orch_dagster.settings import Settings


class ApplyError(OrchError):
    """The files can't be applied and nothing was written; the text has a line for each problem."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("nothing was applied:\n" + "\n".join(f"  {each}" for each in problems))
        self.problems = tuple(problems)

    def as_rows(self) -> list[dict[str, object]]:
        """Return a row for each problem, with its file and line."""
        return [
            {"file": each.file and str(each.file), "line": each.line, "text": each.text}
            for each in self.problems
        ]


@dataclass(frozen=True)
class FileFinding(Finding):
    """A finding with the file and line of its row; None if the row is only in the store."""

    file: Path | None = None
    line: int | None = None

    def __str__(self) -> str:
        return located(super().__str__(), self.file, self.line)


@dataclass(frozen=True)
class TableChange:
    """The changes of one table.

    Attributes:
        table: The table.
        inserted: Rows that are new.
        changed: Rows that differ from the store's, with the names of the columns that differ.
        unchanged: How many rows the store already has as given.
    """

    table: Table
    inserted: tuple[Row, ...]
    changed: tuple[tuple[Row, tuple[str, ...]], ...]
    unchanged: int

    def sentences(self) -> list[str]:
        """Return a line for each row that is written, with what it changes."""
        return [
            *(f"insert {self.table.name} ({self.table.key_text(row)})" for row in self.inserted),
            *(
                f"change {self.table.name} ({self.table.key_text(row)}): {', '.join(columns)}"
                for row, columns in self.changed
            ),
        ]


@dataclass(frozen=True)
class Applied:
    """The changes that were written, and the warnings about them."""

    changes: tuple[TableChange, ...]
    warnings: tuple[Finding, ...]

    def as_rows(self) -> list[dict[str, object]]:
        """Return a row for each table, with counts."""
        return [
            {
                "table": change.table.name,
                "inserted": len(change.inserted),
                "changed": len(change.changed),
                "left": change.unchanged,
            }
            for change in self.changes
        ]


def apply_files(
    files: Sequence[Path],
    store: ControlStore,
    settings: Settings,
    check_setting: SettingCheck = check_value,
) -> Applied:
    """Write the rows of YAML files.

    Args:
        files: Each a mapping of table names to lists of rows; context_params may be YAML too.
        store: The control store to write to.
        settings: Its jobs_dir is where scripts are looked up.
        check_setting: Checks the values of sys_params of param_type system.

    Raises:
        ApplyError: If a file has a problem; names every problem of every file.
    """
    row_files = read_files(files)
    rows = row_files.rows()
    problems = [*row_files.problems, *_row_problems(row_files.tables)]
    rows_by_key = _rows_by_key(row_files.tables)
    findings = [
        _located(each, rows_by_key)
        for each in (
            *_findings(rows, store, settings),
            *_setting_findings(rows.get(SYS_PARAMS.name, ()), store, check_setting),
        )
    ]
    problems += [
        Problem(Finding.__str__(each), each.file, each.line)
        for each in findings
        if not each.is_warning
    ]
    if problems:
        raise ApplyError(list(dict.fromkeys(problems)))
    changes = tuple(
        _change(table, rows[table.name], store) for table in APPLIED_TABLES if table.name in rows
    )
    # First, as an older job_dependency may refuse a second parent before anything else is written.
    for change in sorted(changes, key=lambda change: change.table is not JOB_DEPENDENCY):
        store.upsert(change.table, [*change.inserted, *(row for row, _ in change.changed)])
    return Applied(changes, tuple(each for each in findings if each.is_warning))


def _rows_by_key(tables: Mapping[str, Sequence[FileRow]]) -> dict[tuple[str, str], FileRow]:
    """Return the last row of each table and key.

    A part of the key from its first column on is a key too, as a finding may be about all parents
    of a job.
    """
    found: dict[tuple[str, str], FileRow] = {}
    for name, rows in tables.items():
        table = TABLE_BY_NAME[name]
        for each in rows:
            keys = _texts(table, each.row)
            parts = [f"{column}={keys[column]}" for column in table.keys]
            for count in range(1, len(parts) + 1):
                found[name, ", ".join(parts[:count])] = each
    return found


def _located(finding: Finding, rows: Mapping[tuple[str, str], FileRow]) -> FileFinding:
    """Return the finding with the file and line of its row."""
    row = rows.get((finding.table, finding.key))
    if row is None:
        return FileFinding(**vars(finding))
    return FileFinding(**vars(finding), file=row.file, line=row.line(finding.place))


def _row_problems(tables: Mapping[str, Sequence[FileRow]]) -> Iterator[Problem]:
    for name, rows in tables.items():
        table = TABLE_BY_NAME[name]
        seen: set[str] = set()
        for each in rows:
            faults = [*row_problems(table, each.row)]
            if (key := table.key_text(each.row)) in seen:
                faults.append(("", f"{name} ({key}): the key is given twice"))
            seen.add(key)
            if table is SYS_PARAMS and (fault := _secret_fault(each.row)):
                faults.append(("param_value", f"{name} ({key}): {fault}"))
            for column, text in faults:
                yield Problem(text, each.file, each.line(column))


def _secret_fault(row: Row) -> str | None:
    """Return what is wrong with a secret's row, such as that it holds the secret itself."""
    if row.get("param_type") != PARAM_TYPE or "param_value" not in row:
        return None
    return secret_ref_error(str(row.get("param_key")), str(row["param_value"] or ""))


def _findings(
    rows: Mapping[str, Sequence[Row]], store: ControlStore, settings: Settings
) -> list[Finding]:
    """Return the findings on the given rows once written, and those that are new on others."""
    check_script = script_check(settings.jobs_dir, settings.script_url_prefixes)

    def findings(masters: Sequence[Row], dependencies: Sequence[Row]) -> tuple[Finding, ...]:
        return build_registry(
            [JobMaster.from_row(row) for row in masters],
            [JobDependency.from_row(row) for row in dependencies],
            check_script,
            settings.base_dir,
        ).findings

    stored = [store.read(table) for table in (JOB_MASTER, JOB_DEPENDENCY)]
    merged = [
        _overlay(table, stored_rows, [_texts(table, row) for row in rows.get(table.name, ())])
        for table, stored_rows in zip((JOB_MASTER, JOB_DEPENDENCY), stored, strict=True)
    ]
    before = set(findings(*stored))
    given = {str(row.get("job_id")) for row in rows.get(JOB_MASTER.name, ())}
    given |= {str(row.get("dependent_job_id")) for row in rows.get(JOB_DEPENDENCY.name, ())}
    return [
        finding for finding in findings(*merged) if finding.job_id in given or finding not in before
    ]


def _setting_findings(
    given: Sequence[Row], store: ControlStore, check: SettingCheck
) -> Iterator[Finding]:
    """Yield the findings on the given sys_params of param_type system once written."""
    if not given:
        return
    keys = {SYS_PARAMS.key_text(row) for row in given}
    texts = [_texts(SYS_PARAMS, row) for row in given]
    for row in _overlay(SYS_PARAMS, store.read(SYS_PARAMS), texts):
        if (key := SYS_PARAMS.key_text(row)) in keys:
            fault = system_fault(SysParam.from_row(row), check)
            if fault:
                yield Finding(
                    SYS_PARAMS.name, key, fault.reason, "", fault.is_warning, fault.column
                )


def _texts(table: Table, row: Row) -> Row:
    """Return the row with values made text; row_problems reports those that were not text."""
    keys = {name: str(row.get(name) or "") for name in table.keys}
    others = {
        name: value if value is None or name == "dependency_level" else str(value)
        for name, value in row.items()
    }
    return {**others, **keys}


def _overlay(table: Table, stored: Sequence[Row], given: Sequence[Row]) -> list[Row]:
    merged = {table.key_text(row): row for row in stored}
    for row in given:
        merged[table.key_text(row)] = {**merged.get(table.key_text(row), {}), **row}
    return list(merged.values())


def _change(table: Table, given: Sequence[Row], store: ControlStore) -> TableChange:
    stored = {table.key_text(row): row for row in store.read(table)}
    inserted = [row for row in given if table.key_text(row) not in stored]
    changed = [
        (row, columns)
        for row in given
        if (old := stored.get(table.key_text(row))) is not None
        and (columns := tuple(name for name, value in row.items() if old.get(name) != value))
    ]
    return TableChange(
        table, tuple(inserted), tuple(changed), len(given) - len(inserted) - len(changed)
    )
