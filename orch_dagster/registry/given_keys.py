"""Find keys of given rows that look like those of other rows and are not. Pure.

A row that the store has is left alone, as it was written before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from orch_dagster.control.group import GroupKey
from orch_dagster.control.tables import (
    JOB_DEPENDENCY,
    JOB_MASTER,
    PROCESS_CONTROL,
    TABLE_BY_NAME,
    Row,
    Table,
)
from orch_dagster.registry.finding import Finding, job_finding
from orch_dagster.registry.plan import Plan
from orch_dagster.registry.prune import group_key_of


def key_findings(given: Mapping[str, Sequence[Row]], plan: Plan) -> Iterator[Finding]:
    """Yield the findings on the keys of given rows that are new.

    Args:
        given: The given rows by the name of their table.
        plan: What is done with them.
    """
    for name, rows in given.items():
        table = TABLE_BY_NAME[name]
        known = {table.key_text(row) for row in plan.before[name]}
        new = [row for row in rows if table.key_text(row) not in known]
        yield from _blanks(table, new)
        if table is PROCESS_CONTROL:
            yield from _groups(new, plan.after[JOB_MASTER.name])
        elif table is JOB_MASTER:
            yield from _ids_by_case(new, plan.after[JOB_MASTER.name])
        elif table is JOB_DEPENDENCY:
            changed = _changed(rows, plan.before[name])
            yield from _lost_parents(changed, plan.after[JOB_MASTER.name])


def _blanks(table: Table, rows: Sequence[Row]) -> Iterator[Finding]:
    for row in rows:
        for column in table.keys:
            value = str(row[column])
            if value.strip() and value != value.strip():
                reason = f"key column {column} is {value!r}: leave the blanks out"
                yield Finding(table.name, table.key_text(row), reason, "", place=column)


def _ids_by_case(rows: Sequence[Row], masters: Sequence[Row]) -> Iterator[Finding]:
    """Yield a finding for each job_id that commands can't tell from another, ignoring case."""
    by_folded: dict[str, list[str]] = defaultdict(list)
    for master in masters:
        by_folded[str(master["job_id"]).casefold()].append(str(master["job_id"]))
    for row in rows:
        job_id = str(row["job_id"])
        if others := [each for each in by_folded[job_id.casefold()] if each != job_id]:
            reason = f"job_id {job_id} differs from {others[0]} by its case alone; give another"
            yield job_finding(job_id, reason, "job_id")


def _changed(rows: Sequence[Row], stored: Sequence[Row]) -> Iterator[Row]:
    """Yield the rows of job_dependency that name another parent than the stored ones."""
    named = {JOB_DEPENDENCY.key_text(row): row.get("parent_job_name") for row in stored}
    for row in rows:
        name = row.get("parent_job_name")
        if named.get(JOB_DEPENDENCY.key_text(row)) != name:
            yield row


def _lost_parents(rows: Iterable[Row], masters: Sequence[Row]) -> Iterator[Finding]:
    """Yield a finding for each row that names a parent and gives no id of it: it makes a root."""
    ids = {str(master.get("job_name")): str(master["job_id"]) for master in masters}
    for row in rows:
        name = str(row.get("parent_job_name") or "").strip()
        if name and not row["parent_job_id"]:
            meant = f"write parent_job_id {ids[name]}" if name in ids else "give parent_job_id too"
            reason = f"parent_job_name is {name}, but parent_job_id is empty; {meant}"
            key, job_id = JOB_DEPENDENCY.key_text(row), str(row["dependent_job_id"])
            yield Finding(JOB_DEPENDENCY.name, key, reason, job_id, place="parent_job_name")


def _groups(rows: Sequence[Row], masters: Sequence[Row]) -> Iterator[Finding]:
    """Yield a finding for each group of dates that no job has: they open nothing."""
    groups = {_stripped(key) for master in masters if (key := group_key_of(master))}
    by_name = {key.name: key for key in sorted(groups)}
    of_group: dict[GroupKey, list[Row]] = defaultdict(list)
    for row in rows:
        of_group[GroupKey(str(row["entity"]), str(row["source_system"]))].append(row)
    for key, dates in of_group.items():
        if key in groups or not all(part.strip() for part in key):
            continue
        meant = by_name.get(_stripped(key).name)
        more = len(dates) - 1
        reason = (
            f"no job of job_master is of entity {key.entity!r} and source_system "
            f"{key.source_system!r}, so "
            + (f"this row and {more} more open no date" if more else "the row opens no date")
        )
        if meant:
            reason += f"; did you mean {meant.entity!r} and {meant.source_system!r}?"
        yield Finding(
            PROCESS_CONTROL.name,
            PROCESS_CONTROL.key_text(dates[0]),
            reason,
            "",
            # Its jobs may be applied later.
            is_warning=meant is None,
            place="entity",
        )


def _stripped(key: GroupKey) -> GroupKey:
    return GroupKey(*(part.strip() for part in key))
