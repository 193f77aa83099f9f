"""Check the registry rows of YAML files as a whole, then write them to the control store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from framework.contract.visible import visible
from orch_dagster.control.store import ControlStore
from orch_dagster.control.sys_params import SettingCheck, check_value
from orch_dagster.control.tables import (
    JOB_DEPENDENCY,
    JOB_MASTER,
    PROCESS_CONTROL,
    SYS_PARAMS,
    TABLE_BY_NAME,
    Row,
    Table,
)
from orch_dagster.errors import OrchError
from orch_dagster.registry.changes import TableChange
from orch_dagster.registry.cluster_paths import cluster_path_findings, site_of
from orch_dagster.registry.finding import Finding
from orch_dagster.registry.given_keys import key_findings
from orch_dagster.registry.plan import Plan, plan_new_name, plan_removal, plan_rows
from orch_dagster.registry.plan_findings import (
    environment_findings,
    group_findings,
    plan_findings,
    setting_findings,
    window_findings,
)
from orch_dagster.registry.row_faults import row_faults
from orch_dagster.registry.row_files import (
    FileRow,
    Problem,
    located,
    read_files,
)
from orch_dagster.registry.write import read_tables, write_plan
from orch_dagster.settings import Settings


class ApplyError(OrchError):
    """The files can't be applied and nothing was written; the text has a line for each problem."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        lines = [f"  {visible(str(each))}" for each in problems]
        super().__init__("\n".join(["nothing was applied:", *lines]))
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
class CheckedPlan:
    """A plan without faults, and the warnings about it."""

    plan: Plan
    warnings: tuple[Finding, ...] = ()

    @property
    def changes(self) -> tuple[TableChange, ...]:
        """Return the changes of each table."""
        return self.plan.changes

    def as_rows(self) -> list[dict[str, object]]:
        """Return a row for each table, with counts."""
        return [change.counts() for change in self.changes]


def plan_files(
    files: Sequence[Path],
    store: ControlStore,
    settings: Settings,
    check_setting: SettingCheck = check_value,
    *,
    prune: bool = False,
) -> CheckedPlan:
    """Plan to write the rows of YAML files; write nothing.

    Args:
        files: Each a mapping of table names to lists of rows; context_params may be YAML too.
        store: The control store to compare with.
        settings: Its jobs_path is where scripts are looked up.
        check_setting: Checks the values of sys_params of param_type system.
        prune: Also remove the rows of the files' groups that the files don't have.

    Raises:
        ApplyError: If a file has a problem; names every problem of every file.
    """
    row_files = read_files(files)
    rows = {
        name: [_texts(TABLE_BY_NAME[name], row) for row in given]
        for name, given in row_files.rows().items()
    }
    problems = [*row_files.problems, *row_faults(row_files.tables, settings.referenced_files)]
    rows_by_key = _rows_by_key(row_files.tables)
    plan = plan_rows(read_tables(store), rows, prune=prune, environment=settings.env)
    given = {str(row["job_id"]) for row in rows.get(JOB_MASTER.name, ())}
    given |= {str(row["dependent_job_id"]) for row in rows.get(JOB_DEPENDENCY.name, ())}
    findings = [
        _located(each, rows_by_key)
        for each in (
            *plan_findings(plan, given, store, settings),
            *key_findings(rows, plan),
            *window_findings(rows.get(PROCESS_CONTROL.name, ()), plan),
            *setting_findings(rows.get(SYS_PARAMS.name, ()), plan, check_setting),
            *environment_findings(rows.get(SYS_PARAMS.name, ()), plan, settings.env),
            *cluster_path_findings(plan, rows, settings, site_of(settings)),
        )
    ]
    return _checked(plan, problems, findings)


def plan_rename(
    store: ControlStore, settings: Settings, job_id: str, old: str, new: str
) -> CheckedPlan:
    """Plan to give a job another name; write nothing.

    Args:
        store: The control store to compare with.
        settings: Its jobs_path is where scripts are looked up.
        job_id: The job.
        old: The job_name until now.
        new: The job_name to give.

    Raises:
        ApplyError: If the name can't be given, or the job has an unfinished run.
    """
    plan = plan_new_name(read_tables(store), job_id, old, new)
    findings = [*plan_findings(plan, (), store, settings), *group_findings(plan)]
    return _checked(plan, (), [FileFinding(**vars(each)) for each in findings])


def plan_remove(store: ControlStore, settings: Settings, job_ids: Sequence[str]) -> CheckedPlan:
    """Plan to remove jobs with their rows of job_dependency and sys_params; write nothing.

    Raises:
        ApplyError: If a job that stays waits for one of them, or one has an unfinished run.
    """
    plan = plan_removal(read_tables(store), job_ids)
    findings = plan_findings(plan, (), store, settings)
    return _checked(plan, (), [FileFinding(**vars(each)) for each in findings])


def apply_files(
    files: Sequence[Path],
    store: ControlStore,
    settings: Settings,
    check_setting: SettingCheck = check_value,
    *,
    prune: bool = False,
) -> CheckedPlan:
    """Write the rows of YAML files; see plan_files for the arguments and errors."""
    checked = plan_files(files, store, settings, check_setting, prune=prune)
    write_plan(checked.plan, store)
    return checked


def _checked(
    plan: Plan, problems: Sequence[Problem], findings: Sequence[FileFinding]
) -> CheckedPlan:
    """Return the plan with its warnings.

    Raises:
        ApplyError: If there are problems, or findings that are not warnings.
    """
    faults = [
        Problem(Finding.__str__(each), each.file, each.line)
        for each in findings
        if not each.is_warning
    ]
    if all_problems := list(dict.fromkeys([*problems, *faults])):
        raise ApplyError(all_problems)
    return CheckedPlan(plan, tuple(each for each in findings if each.is_warning))


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


def _texts(table: Table, row: Row) -> Row:
    """Return the row with values made text; row_faults reports those that were not text."""
    keys = {name: str(row.get(name) or "") for name in table.keys}
    others = {
        name: value if value is None or name == "dependency_level" else str(value)
        for name, value in row.items()
    }
    return {**others, **keys}
