"""Find the rows of a group that its files no longer have. Pure."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from framework.contract.context_params import with_group
from orch_dagster.control.group import GroupKey
from orch_dagster.control.tables import JOB_DEPENDENCY, JOB_MASTER, SYS_PARAMS, Row
from orch_dagster.registry.changes import KeyedRows


def group_of(master: Row) -> str | None:
    """Return the name of the group of a row of job_master, whatever else is wrong with it.

    >>> group_of({"job_name": "etl_lnd_acme_crm_t_a", "context_params": "{"})
    'acme_crm'
    """
    key = group_key_of(master)
    return key.name if key else None


def group_key_of(master: Row) -> GroupKey | None:
    """Return the key of the group of a row of job_master, whatever else is wrong with it."""
    try:
        context: Any = json.loads(str(master.get("context_params") or "{}"))
    except (ValueError, RecursionError):
        context = {}
    given = cast("dict[str, Any]", context) if isinstance(context, dict) else {}
    group = with_group(given, str(master.get("job_name") or ""))
    entity, system = group.get("entity"), group.get("source_system")
    if isinstance(entity, str) and isinstance(system, str):
        return GroupKey(entity, system)
    return None


def group_of_name(job_name: object) -> str | None:
    """Return the name of the group that a job's name alone gives."""
    return group_of({"job_name": str(job_name or "")})


def without_jobs(rows: KeyedRows, job_ids: Collection[object]) -> KeyedRows:
    """Return the rows without those of jobs in job_master, job_dependency and sys_params."""
    masters = rows[JOB_MASTER.name].values()
    kept_names = {row.get("job_name") for row in masters if row["job_id"] not in job_ids}
    names = {row.get("job_name") for row in masters if row["job_id"] in job_ids} - kept_names
    # The name of a job whose removal was cut off is in its rows of job_dependency.
    names |= {
        row["dependent_job_name"]
        for row in rows[JOB_DEPENDENCY.name].values()
        if row["dependent_job_id"] in job_ids and row["dependent_job_name"] not in kept_names
    }
    # A job_name that is * or a group's is invalid, but its row may be there.
    names -= {"*", *map(group_of, masters)}
    return {
        name: {
            key: row
            for key, row in table_rows.items()
            if not (name == JOB_MASTER.name and row["job_id"] in job_ids)
            and not (name == JOB_DEPENDENCY.name and row["dependent_job_id"] in job_ids)
            and not (name == SYS_PARAMS.name and row["key_name"] in names)
        }
        for name, table_rows in rows.items()
    }


@dataclass(frozen=True)
class PruneScope:
    """The rows that pruning may remove: those of the groups whose jobs are given.

    Attributes:
        wanted: The given rows.
        groups: The groups of the given jobs.
        environments: The environments whose sys_params are pruned.
    """

    wanted: KeyedRows
    groups: frozenset[str]
    environments: frozenset[str]

    @classmethod
    def of(cls, after: KeyedRows, wanted: KeyedRows, environment: str) -> PruneScope:
        """Return the scope of the given rows.

        Args:
            after: All rows, with the given ones written.
            wanted: The given rows.
            environment: The environment that this home runs in.
        """
        masters = [after[JOB_MASTER.name][key] for key in wanted.get(JOB_MASTER.name, {})]
        groups = {name for row in masters if (name := group_of(row))}
        given = {str(row["environment"]) for row in wanted.get(SYS_PARAMS.name, {}).values()}
        return cls(wanted, frozenset(groups), frozenset(given | {environment}))

    def removed_jobs(self, after: KeyedRows) -> frozenset[str]:
        """Return the job_ids of the groups that are not given."""
        given = self.wanted.get(JOB_MASTER.name, {})
        return frozenset(
            str(row["job_id"])
            for key, row in after[JOB_MASTER.name].items()
            if key not in given and group_of(row) in self.groups
        )

    def pruned(self, after: KeyedRows) -> tuple[KeyedRows, list[str]]:
        """Return the rows without those that are not given, and a note for each table left alone.

        A table that is not given at all keeps its rows of the jobs that stay: a forgotten file
        would otherwise make every job a root.
        """
        rows = without_jobs(after, self.removed_jobs(after))
        for name, given_rows in self.wanted.items():
            # A given row of a removed job is a fault to find, not a row to remove.
            rows[name] |= {key: after[name][key] for key in given_rows}
        notes: list[str] = []
        groups = _groups_of_names(rows[JOB_MASTER.name].values())
        for table in (JOB_DEPENDENCY, SYS_PARAMS):
            given = self.wanted.get(table.name)
            extra = {
                key
                for key, row in rows[table.name].items()
                if key not in (given or {})
                and (
                    self._has_edge(row, rows)
                    if table is JOB_DEPENDENCY
                    else self._has_setting(row, groups)
                )
            }
            if given is not None:
                kept = rows[table.name].items()
                rows[table.name] = {key: row for key, row in kept if key not in extra}
            elif extra:
                notes.append(
                    f"{table.name}: rows of these groups that only the store has stay, as no "
                    f"file names the table: {len(extra)}; `{table.name}: []` in a file "
                    f"removes them"
                )
        return rows, notes

    def _has_edge(self, row: Row, rows: KeyedRows) -> bool:
        """Return whether a row of job_dependency is of a job in these groups."""
        master = rows[JOB_MASTER.name].get(f"job_id={row['dependent_job_id']}")
        if master is not None:
            return group_of(master) in self.groups
        # Of a job that is gone, such as after a removal that was cut off.
        return group_of_name(row["dependent_job_name"]) in self.groups

    def _has_setting(self, row: Row, groups: Mapping[object, set[str | None]]) -> bool:
        """Return whether a row of sys_params is of these groups or their jobs.

        Args:
            row: The row.
            groups: The groups of the jobs of each job_name.
        """
        if row["environment"] not in self.environments:
            return False
        if row["key_name"] in self.groups:
            return True
        if named := groups.get(row["key_name"]):
            return not self.groups.isdisjoint(named)
        return group_of_name(row["key_name"]) in self.groups


def _groups_of_names(masters: Iterable[Row]) -> Mapping[object, set[str | None]]:
    groups: dict[object, set[str | None]] = {}
    for master in masters:
        groups.setdefault(master.get("job_name"), set()).add(group_of(master))
    return groups
