"""Plan what happens to the control tables when rows are applied, a job is renamed or removed. Pure.

A job is its job_id. Its name is copied to job_dependency and sys_params, partly into keys, so a new
name changes those rows too.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from framework.contract.some_of import some_sorted
from orch_dagster.control.tables import (
    EXECUTION_LOG,
    JOB_DEPENDENCY,
    JOB_MASTER,
    SYS_PARAMS,
    TABLE_BY_NAME,
    TABLES,
    Row,
)
from orch_dagster.registry.changes import KeyedRows, Rows, TableChange, keyed, table_change
from orch_dagster.registry.jobs import Finding
from orch_dagster.registry.prune import PruneScope, without_jobs

PLANNED_TABLES = tuple(table for table in TABLES if table is not EXECUTION_LOG)


@dataclass(frozen=True)
class Plan:
    """The changes to make.

    Attributes:
        before: The rows as the store has them.
        after: The rows as they will be.
        changes: The changes of each table that is given or changes.
        refusals: Why the changes can't be made, besides the faults of the jobs that they give.
        renamed: The old and the new job_name by job_id.
        removed: The job_ids that are taken away.
        prunable: The changes that pruning makes besides; none if this plan prunes.
        notes: What pruning leaves, and why.
    """

    before: Rows
    after: Rows
    changes: tuple[TableChange, ...]
    refusals: tuple[Finding, ...] = ()
    renamed: Mapping[str, tuple[str, str]] | None = None
    removed: frozenset[str] = frozenset()
    prunable: tuple[TableChange, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Return whether nothing is to be done."""
        return not any(change.rows for change in self.changes)


def plan_rows(stored: Rows, given: Rows, *, prune: bool = False, environment: str = "") -> Plan:
    """Plan to write the given rows.

    A row replaces the columns that it gives. A job that is given another job_name takes its rows of
    job_dependency and sys_params along; its name in a child's row stays, as the child's file has it
    too. A job that is given as a root loses its parents, and one that is given a parent is no root
    any longer. Other rows stay unless pruned.

    Args:
        stored: The rows of the store.
        given: The rows to write; a table that is not among them is not given at all.
        prune: Also remove the rows of the given groups that are not given.
        environment: The environment whose sys_params are pruned besides the given ones.
    """
    before = {table.name: keyed(table, stored.get(table.name, ())) for table in PLANNED_TABLES}
    wanted = {name: keyed(TABLE_BY_NAME[name], rows) for name, rows in given.items()}
    renamed = _renamed(before, wanted)
    after = {name: dict(rows) for name, rows in before.items()}
    refusals = _carry_names(after, renamed, wanted, roles=("dependent",))
    refusals += _replace_roots(after, wanted)
    for name, rows in wanted.items():
        for key, row in rows.items():
            after[name][key] = {**after[name].get(key, {}), **row}
    scope = PruneScope.of(after, wanted, environment)
    pruned, notes = scope.pruned(after)
    changes = _changes(before, pruned if prune else after, wanted, renamed)
    removed_ids = scope.removed_jobs(after)
    if prune:
        refusals += _children_left(removed_ids, pruned)
    return Plan(
        _listed(before),
        _listed(pruned if prune else after),
        changes,
        tuple(refusals),
        renamed,
        removed_ids if prune else frozenset(),
        () if prune else _removals(after, pruned),
        tuple(notes) if prune else (),
    )


def plan_new_name(stored: Rows, job_id: str, old: str, new: str) -> Plan:
    """Plan to rename a job wherever its name is written; also finishes a renaming that was cut off.

    Args:
        stored: The rows of the store.
        job_id: The job, whose name in job_master is the old or the new one.
        old: The name that other rows may hold.
        new: The name to write.
    """
    before = {table.name: keyed(table, stored.get(table.name, ())) for table in PLANNED_TABLES}
    after = {name: dict(rows) for name, rows in before.items()}
    row = {"job_id": job_id, "job_name": new}
    key = JOB_MASTER.key_text(row)
    renamed = {job_id: (old, new)}
    refusals = _carry_names(after, renamed, {})
    after[JOB_MASTER.name][key] = {**after[JOB_MASTER.name][key], **row}
    return Plan(
        _listed(before),
        _listed(after),
        _changes(before, after, {}, renamed),
        tuple(refusals),
        renamed,
    )


def plan_removal(stored: Rows, job_ids: Collection[str]) -> Plan:
    """Plan to remove jobs with their rows of job_dependency and sys_params.

    Args:
        stored: The rows of the store.
        job_ids: The jobs, of which each has a row in job_master or job_dependency.
    """
    before = {table.name: keyed(table, stored.get(table.name, ())) for table in PLANNED_TABLES}
    after = without_jobs(before, frozenset(job_ids))
    return Plan(
        _listed(before),
        _listed(after),
        _changes(before, after, {}, {}),
        tuple(_children_left(frozenset(job_ids), after)),
        removed=frozenset(job_ids),
    )


def _listed(rows: KeyedRows) -> Rows:
    return {name: list(each.values()) for name, each in rows.items()}


def _renamed(before: KeyedRows, wanted: KeyedRows) -> dict[str, tuple[str, str]]:
    """Return the old and the new name of each job that is given another one."""
    renamed: dict[str, tuple[str, str]] = {}
    for key, row in wanted.get(JOB_MASTER.name, {}).items():
        old = before[JOB_MASTER.name].get(key, {}).get("job_name")
        new = row.get("job_name")
        if old and new and old != new:
            renamed[str(row["job_id"])] = (str(old), str(new))
    return renamed


def _carry_names(
    after: KeyedRows,
    renamed: Mapping[str, tuple[str, str]],
    wanted: KeyedRows,
    roles: Sequence[str] = ("dependent", "parent"),
) -> list[Finding]:
    """Write new names where rows hold the old ones; return what stands in the way."""
    if not renamed:
        return []
    after[JOB_DEPENDENCY.name] = keyed(
        JOB_DEPENDENCY,
        [_with_names(row, renamed, roles) for row in after[JOB_DEPENDENCY.name].values()],
    )
    new_names = dict(renamed.values())
    stay = keyed(
        SYS_PARAMS, [r for r in after[SYS_PARAMS.name].values() if r["key_name"] not in new_names]
    )
    refusals: list[Finding] = []
    for row in after[SYS_PARAMS.name].values():
        if (new_name := new_names.get(str(row["key_name"]))) is None:
            continue
        moved = {**row, "key_name": new_name}
        key = SYS_PARAMS.key_text(moved)
        other = stay.setdefault(key, moved)
        if other != moved and key not in wanted.get(SYS_PARAMS.name, {}):
            reason = (
                f"the job {row['key_name']} is renamed to {new_name}, for which there is another "
                f"row of this key; remove one of the two, or give the row for {new_name}"
            )
            refusals.append(Finding(SYS_PARAMS.name, SYS_PARAMS.key_text(row), reason, ""))
    after[SYS_PARAMS.name] = stay
    return refusals


def _with_names(row: Row, renamed: Mapping[str, tuple[str, str]], roles: Sequence[str]) -> Row:
    """Return a row of job_dependency with the new names of its jobs in these roles."""
    changed = dict(row)
    for role in roles:
        old, new = renamed.get(str(row.get(f"{role}_job_id")), ("", ""))
        if new and row.get(f"{role}_job_name") == old:
            changed[f"{role}_job_name"] = new
    return changed


def _replace_roots(after: KeyedRows, wanted: KeyedRows) -> list[Finding]:
    """Drop the parents of jobs that are given as roots, and the root rows of those with parents."""
    parents: dict[str, dict[str, str]] = {}
    for key, row in wanted.get(JOB_DEPENDENCY.name, {}).items():
        of_job = parents.setdefault(str(row["dependent_job_id"]), {})
        of_job[str(row["parent_job_id"] or "")] = key
    refusals = [
        Finding(
            JOB_DEPENDENCY.name,
            of_job[""],
            f"the job is given as a root (no parent) and with {some_sorted({*of_job} - {''})} as "
            f"parent; keep one of the two",
            job_id,
        )
        for job_id, of_job in parents.items()
        if "" in of_job and len(of_job) > 1
    ]

    def is_replaced(row: Row) -> bool:
        of_job = parents.get(str(row["dependent_job_id"]))
        return of_job is not None and ("" in of_job) != (not row["parent_job_id"])

    after[JOB_DEPENDENCY.name] = {
        key: row for key, row in after[JOB_DEPENDENCY.name].items() if not is_replaced(row)
    }
    return refusals


def _children_left(removed: Collection[str], after: KeyedRows) -> list[Finding]:
    """Return a refusal for each removed job that a job which stays waits for."""
    children: dict[str, list[str]] = {}
    names = {row["job_id"]: row.get("job_name") for row in after[JOB_MASTER.name].values()}
    for row in after[JOB_DEPENDENCY.name].values():
        if row["parent_job_id"] in removed:
            child = row["dependent_job_id"]
            name = names.get(child) or row["dependent_job_name"]
            children.setdefault(str(row["parent_job_id"]), []).append(f"{name} ({child})")
    return [
        Finding(
            JOB_MASTER.name,
            f"job_id={job_id}",
            f"can't be removed, as {some_sorted(waiting)} waits for it; remove that row of "
            f"job_dependency first, or remove both jobs together",
            job_id,
        )
        for job_id, waiting in sorted(children.items())
    ]


def _changes(
    before: KeyedRows,
    after: KeyedRows,
    wanted: KeyedRows,
    renamed: Mapping[str, tuple[str, str]],
) -> tuple[TableChange, ...]:
    new_names = dict(renamed.values())

    def setting(row: Row) -> tuple[object, ...]:
        name = str(row["key_name"])
        return (row["param_key"], row["environment"], new_names.get(name, name))

    def edge(row: Row) -> tuple[object, ...]:
        return (row["dependent_job_id"], row["parent_job_id"])

    def child(row: Row) -> object:
        return row["dependent_job_id"]

    likeness = {JOB_DEPENDENCY.name: (edge, child), SYS_PARAMS.name: (setting,)}
    changes = [
        table_change(
            table,
            before[table.name],
            after[table.name],
            wanted.get(table.name, ()),
            likeness.get(table.name, ()),
        )
        for table in PLANNED_TABLES
    ]
    return tuple(each for each in changes if each.rows or each.table.name in wanted)


def _removals(after: KeyedRows, pruned: KeyedRows) -> tuple[TableChange, ...]:
    changes = [
        table_change(table, after[table.name], pruned[table.name], ()) for table in PLANNED_TABLES
    ]
    return tuple(each for each in changes if each.rows)
