"""Write a plan to the control store, in an order that a cut can't turn into wrong runs."""

from __future__ import annotations

from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import (
    JOB_DEPENDENCY,
    JOB_MASTER,
    PROCESS_CONTROL,
    SYS_PARAMS,
    Row,
    Table,
)
from orch_dagster.registry.changes import Rows
from orch_dagster.registry.plan import PLANNED_TABLES, Plan


def write_plan(plan: Plan, store: ControlStore) -> None:
    """Write the changes of a plan.

    A store may have no transactions. So the order is such that a job which a cut leaves half
    changed is quarantined and does not run with other parents or settings, and that writing the
    same plan again finishes it.
    """
    changes = {change.table: change for change in plan.changes}

    def rows(table: Table) -> list[Row]:
        change = changes.get(table)
        return [each.written() for each in (*change.inserted, *change.changed)] if change else []

    def gone(table: Table, *, moved: bool) -> list[Row]:
        change = changes.get(table)
        removed = [*change.removed, *(e for e in change.changed if e.is_moved)] if change else []
        return [
            {name: each.old[name] for name in table.keys}
            for each in removed
            if each.old and (moved or each.new is None)
        ]

    # First, as an older job_dependency may refuse a second parent before anything else is written.
    # The rows of a removed job go after it, as it would be a root without them.
    edges = gone(JOB_DEPENDENCY, moved=True)
    later = [key for key in edges if key["dependent_job_id"] in plan.removed]
    store.replace(JOB_DEPENDENCY, rows(JOB_DEPENDENCY), [key for key in edges if key not in later])
    store.upsert(PROCESS_CONTROL, rows(PROCESS_CONTROL))
    store.upsert(SYS_PARAMS, rows(SYS_PARAMS))
    store.upsert(JOB_MASTER, rows(JOB_MASTER))
    store.delete(JOB_MASTER, gone(JOB_MASTER, moved=False))
    store.delete(SYS_PARAMS, gone(SYS_PARAMS, moved=True))
    store.delete(JOB_DEPENDENCY, later)


def read_tables(store: ControlStore) -> Rows:
    """Read the tables that files may hold."""
    return {table.name: store.read(table) for table in PLANNED_TABLES}
