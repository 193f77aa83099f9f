"""Find the jobs and open dates that a plan touches. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from orch_dagster.control.group import GroupKey
from orch_dagster.control.tables import (
    JOB_DEPENDENCY,
    JOB_MASTER,
    PROCESS_CONTROL,
    SYS_PARAMS,
    Row,
)
from orch_dagster.registry.plan import Plan
from orch_dagster.registry.prune import group_of

# All names of all jobs of a chain would take the square of its length.
MOST_DOWNSTREAM = 50


@dataclass(frozen=True)
class TouchedJob:
    """A job that a plan touches.

    Attributes:
        job_id: The job.
        job_name: Its name, once the plan is written.
        is_removed: Whether the plan removes it.
        downstream: The names of the jobs that wait for it, however far, the nearest first; of
            many, MOST_DOWNSTREAM.
        open_dates: The open dates of its group that the change concerns, in order.
        landed: Those of them that it has completed.
        has_more_downstream: Whether more jobs wait for it than `downstream` names.
    """

    job_id: str
    job_name: str
    is_removed: bool
    downstream: tuple[str, ...]
    open_dates: tuple[str, ...]
    landed: tuple[str, ...] = ()
    has_more_downstream: bool = False

    def sentence(self) -> str:
        """Return what the change means for the job."""
        parts: list[str] = []
        if self.downstream:
            more = " and more" if self.has_more_downstream else ""
            parts.append(f"downstream: {', '.join(self.downstream)}{more}")
        dates = len(self.open_dates)
        if dates and self.is_removed:
            parts.append(f"open dates that stay in process_control: {_range(self.open_dates)}")
        elif dates:
            parts.append(f"open dates: {_range(self.open_dates)}")
            parts.append(
                f"landed before this change: {_range(self.landed)}, which stay as they are until "
                f"run again"
                if self.landed
                else "none of them landed yet"
            )
        return f"touches {self.job_name} ({self.job_id})" + "".join(f"; {each}" for each in parts)


def _range(dates: tuple[str, ...]) -> str:
    """Return dates as their number, the first and the last.

    >>> _range(("2024-05-15",)), _range(("2024-05-15", "2024-05-16", "2024-05-17"))
    ('2024-05-15', '3 (2024-05-15 to 2024-05-17)')
    """
    return dates[0] if len(dates) == 1 else f"{len(dates)} ({dates[0]} to {dates[-1]})"


def touched_jobs(plan: Plan) -> list[TouchedJob]:
    """Return the jobs whose rows change, in order of their ids; a `*` row touches none by itself.

    Their landed dates are left out, as only execution_log knows them.
    """
    masters = {
        str(row["job_id"]): row
        for rows in (plan.before, plan.after)
        for row in rows[JOB_MASTER.name]
    }
    children = _children(plan)
    names = {job_id: str(row.get("job_name") or job_id) for job_id, row in masters.items()}
    dates = _open_dates(plan)
    touched: list[TouchedJob] = []
    for job_id, some_dates in sorted(_touched_dates(plan, masters).items()):
        row = masters[job_id]
        of_group = dates[group_of(row) or ""]
        below = list(islice(_downstream(job_id, children), MOST_DOWNSTREAM + 1))
        touched.append(
            TouchedJob(
                job_id,
                names[job_id],
                job_id in plan.removed,
                tuple(names.get(each, each) for each in below[:MOST_DOWNSTREAM]),
                tuple(sorted(of_group if some_dates is None else of_group & some_dates)),
                has_more_downstream=len(below) > MOST_DOWNSTREAM,
            )
        )
    return touched


def _touched_dates(plan: Plan, masters: dict[str, Row]) -> dict[str, set[str] | None]:
    """Return the ids of the touched jobs, each with the dates that change; None for all dates."""
    groups: dict[str, list[str]] = defaultdict(list)
    by_name: dict[str, list[str]] = defaultdict(list)
    for job_id, row in masters.items():
        groups[group_of(row) or ""].append(job_id)
        by_name[str(row.get("job_name"))].append(job_id)
    touched: dict[str, set[str] | None] = {}
    for change in plan.changes:
        for each in change.rows:
            row = {**(each.old or {}), **(each.new or {})}
            if change.table is PROCESS_CONTROL:
                for job_id in groups[_group_name(row)]:
                    some_dates = touched.setdefault(job_id, set())
                    if some_dates is not None:
                        some_dates.add(str(row["biz_dt"]))
                continue
            if change.table is SYS_PARAMS:
                ids = [*groups[str(row["key_name"])], *by_name[str(row["key_name"])]]
            else:
                ids = [str(row.get("job_id") or row.get("dependent_job_id"))]
            touched |= dict.fromkeys((each for each in ids if each in masters), None)
    return touched


def _children(plan: Plan) -> dict[str, set[str]]:
    """Return the children of each job, before or after the plan."""
    children: dict[str, set[str]] = defaultdict(set)
    for rows in (plan.before, plan.after):
        for row in rows[JOB_DEPENDENCY.name]:
            if row["parent_job_id"]:
                children[str(row["parent_job_id"])].add(str(row["dependent_job_id"]))
    return children


def _downstream(job_id: str, children: dict[str, set[str]]) -> Iterator[str]:
    """Yield the jobs downstream of one, the nearest first, each once."""
    seen, pending = {job_id}, [job_id]
    while pending:
        below = sorted({each for parent in pending for each in children.get(parent, ())} - seen)
        yield from below
        seen.update(below)
        pending = below


def _open_dates(plan: Plan) -> dict[str, set[str]]:
    dates: dict[str, set[str]] = defaultdict(set)
    for row in plan.after[PROCESS_CONTROL.name]:
        dates[_group_name(row)].add(str(row["biz_dt"]))
    return dates


def _group_name(row: Row) -> str:
    return GroupKey(str(row["entity"]), str(row["source_system"])).name
