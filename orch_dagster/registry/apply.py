"""Registry rows from YAML files to the control store: checked as a whole, then written."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml

from framework.contract.secret_names import PARAM_TYPE
from orch_dagster.bundle.secrets import place_fault
from orch_dagster.control.records import JobDependency, JobMaster
from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import (
    EXECUTION_LOG,
    JOB_DEPENDENCY,
    JOB_MASTER,
    SYS_PARAMS,
    TABLE_BY_NAME,
    TABLES,
    Row,
    Table,
    check_rows,
)
from orch_dagster.errors import OrchError, RowError
from orch_dagster.registry.jobs import Finding, build_registry, script_check
from orch_dagster.settings import Settings

_APPLIED = tuple(table for table in TABLES if table is not EXECUTION_LOG)


class _Loader(yaml.SafeLoader):
    """YAML in which nothing is lost on the way to the tables.

    Dates stay text: a date that is none is then a finding like any other. A param_value is its
    letters, as 010 and 1.10 are more than numbers. A key that is given twice is refused, where
    YAML's own rule is that the last one wins.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """See SafeConstructor; with the line of what is wrong."""
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            if name in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {name} is given twice", key.start_mark
                )
            seen.add(name)
            if name == "param_value" and isinstance(value, yaml.ScalarNode) and not _is_null(value):
                value.tag = "tag:yaml.org,2002:str"
        return super().construct_mapping(node, deep)


_Loader.add_constructor("tag:yaml.org,2002:timestamp", yaml.SafeLoader.construct_yaml_str)


def _is_null(node: yaml.ScalarNode) -> bool:
    return node.tag == "tag:yaml.org,2002:null"


class ApplyError(OrchError):
    """The files cannot be applied; nothing was written. The text has a line for each problem."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("nothing was applied:\n" + "\n".join(f"  {text}" for text in problems))
        self.problems = tuple(problems)


@dataclass(frozen=True)
class TableChange:
    """What becomes of one table.

    Attributes:
        table: The table.
        inserted: Rows that are new.
        changed: Rows that are there with another value, and the names of the columns that differ.
        left: How many are there as given.
    """

    table: Table
    inserted: tuple[Row, ...]
    changed: tuple[tuple[Row, tuple[str, ...]], ...]
    left: int

    def sentences(self) -> list[str]:
        """A line for each row that is written: what becomes of it."""
        return [
            *(f"insert {self.table.name} ({self.table.key_text(row)})" for row in self.inserted),
            *(
                f"change {self.table.name} ({self.table.key_text(row)}): {', '.join(columns)}"
                for row, columns in self.changed
            ),
        ]


@dataclass(frozen=True)
class Applied:
    """What was done, and what deserves a look."""

    changes: tuple[TableChange, ...]
    warnings: tuple[Finding, ...]

    def as_rows(self) -> list[dict[str, object]]:
        """A row for each table, with counts."""
        return [
            {
                "table": change.table.name,
                "inserted": len(change.inserted),
                "changed": len(change.changed),
                "left": change.left,
            }
            for change in self.changes
        ]


def apply_files(files: Sequence[Path], store: ControlStore, settings: Settings) -> Applied:
    """Write the rows of YAML files.

    Args:
        files: Each a mapping of table names to lists of rows; context_params may be YAML too.
        store: Where to.
        settings: Where scripts are.

    Raises:
        ApplyError: Every problem of every file; nothing was written.
    """
    rows, problems = read_files(files)
    problems += _row_problems(rows)
    findings = _findings(rows, store, settings)
    problems += [str(finding) for finding in findings if not finding.is_warning]
    if problems:
        raise ApplyError(list(dict.fromkeys(problems)))
    changes = tuple(
        _change(table, rows[table.name], store) for table in _APPLIED if table.name in rows
    )
    # An older job_dependency may refuse a second parent: then nothing else must have been written.
    for change in sorted(changes, key=lambda change: change.table is not JOB_DEPENDENCY):
        store.upsert(change.table, [*change.inserted, *(row for row, _ in change.changed)])
    return Applied(changes, tuple(finding for finding in findings if finding.is_warning))


def read_files(files: Sequence[Path]) -> tuple[dict[str, list[Row]], list[str]]:
    """The rows of the files by table, and what is wrong with the files' form."""
    rows: dict[str, list[Row]] = defaultdict(list)
    problems: list[str] = []
    for file in files:
        try:
            document: Any = yaml.load(file.read_text(encoding="utf-8"), _Loader)
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            # ValueError: not UTF-8, or a value that its explicit tag does not fit.
            problems.append(f"{file}: not usable YAML in UTF-8: {error}")
            continue
        if not isinstance(document, dict):
            problems.append(f"{file}: a mapping of table names is wanted at the top")
            continue
        for name, listed in cast(dict[str, Any], document).items():
            if TABLE_BY_NAME.get(name) not in _APPLIED:
                known = ", ".join(table.name for table in _APPLIED)
                problems.append(f"{file}: {name} is not a table to apply; those are {known}")
            elif not isinstance(listed, list) or not all(
                isinstance(row, dict) for row in cast(list[object], listed)
            ):
                problems.append(f"{file}: {name}: a list of rows is wanted, each a mapping")
            else:
                try:
                    rows[name] += [_plain(row) for row in cast(list[dict[str, Any]], listed)]
                except (ValueError, RecursionError) as error:
                    problems.append(f"{file}: {name}: a value holds itself ({error})")
    return dict(rows), problems


def _plain(row: Mapping[str, Any]) -> Row:
    """YAML's own numbers and mappings as the columns hold them."""
    plain: Row = {}
    for name, value in row.items():
        if isinstance(value, dict | list):
            plain[name] = json.dumps(value, ensure_ascii=False, default=str)
        else:
            plain[name] = value
    if "dependent_job_id" in row:
        # A root's row: YAML writes no parent where the table holds an empty one.
        plain["parent_job_id"] = plain.get("parent_job_id") or ""
    return plain


def _row_problems(rows: Mapping[str, Sequence[Row]]) -> list[str]:
    problems: list[str] = []
    for name, its in rows.items():
        table = TABLE_BY_NAME[name]
        try:
            check_rows(table, its)
        except RowError as error:
            problems += error.problems
        seen: set[str] = set()
        for row in its:
            if (key := table.key_text(row)) in seen:
                problems.append(f"{name} ({key}): the key is given twice")
            seen.add(key)
            if table is SYS_PARAMS and (fault := _secret_fault(row)):
                problems.append(f"{name} ({key}): {fault}")
    return problems


def _secret_fault(row: Row) -> str | None:
    """Why a row can't be a secret's: most of all, because the secret itself would be stored."""
    if row.get("param_type") != PARAM_TYPE or "param_value" not in row:
        return None
    return place_fault(str(row.get("param_key")), str(row["param_value"] or ""))


def _findings(
    rows: Mapping[str, Sequence[Row]], store: ControlStore, settings: Settings
) -> list[Finding]:
    """What the registry would say of the given rows, and newly of others, once they are there."""
    check_script = script_check(settings.jobs_dir, settings.script_url_prefixes)

    def findings(masters: Sequence[Row], dependencies: Sequence[Row]) -> tuple[Finding, ...]:
        return build_registry(
            [JobMaster.from_row(row) for row in masters],
            [JobDependency.from_row(row) for row in dependencies],
            check_script,
            settings.base_dir,
        ).findings

    there = [store.read(table) for table in (JOB_MASTER, JOB_DEPENDENCY)]
    merged = [
        _overlay(table, its, [_texts(table, row) for row in rows.get(table.name, ())])
        for table, its in zip((JOB_MASTER, JOB_DEPENDENCY), there, strict=True)
    ]
    before = set(findings(*there))
    given = {str(row.get("job_id")) for row in rows.get(JOB_MASTER.name, ())}
    given |= {str(row.get("dependent_job_id")) for row in rows.get(JOB_DEPENDENCY.name, ())}
    return [
        finding for finding in findings(*merged) if finding.job_id in given or finding not in before
    ]


def _texts(table: Table, row: Row) -> Row:
    """The row with text where text belongs; that it was none is a problem of its own."""
    of_keys = {name: str(row.get(name) or "") for name in table.keys}
    others = {
        name: value if value is None or name == "dependency_level" else str(value)
        for name, value in row.items()
    }
    return {**others, **of_keys}


def _overlay(table: Table, there: Sequence[Row], given: Sequence[Row]) -> list[Row]:
    merged = {table.key_text(row): row for row in there}
    for row in given:
        merged[table.key_text(row)] = {**merged.get(table.key_text(row), {}), **row}
    return list(merged.values())


def _change(table: Table, given: Sequence[Row], store: ControlStore) -> TableChange:
    there = {table.key_text(row): row for row in store.read(table)}
    inserted = [row for row in given if table.key_text(row) not in there]
    changed = [
        (row, columns)
        for row in given
        if (old := there.get(table.key_text(row))) is not None
        and (columns := tuple(name for name, value in row.items() if old.get(name) != value))
    ]
    return TableChange(
        table, tuple(inserted), tuple(changed), len(given) - len(inserted) - len(changed)
    )
