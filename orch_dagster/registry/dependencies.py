"""Check the rows of job_dependency: their jobs, cycles, depth and levels. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from framework.contract.some_of import MOST_NAMES, some_sorted
from orch_dagster.control.records import JobDependency, JobMaster
from orch_dagster.control.tables import JOB_DEPENDENCY
from orch_dagster.registry import graph
from orch_dagster.registry.finding import Finding, job_finding

# Dagster goes along a chain by recursion, in its servers and commands; Python's limit is 1,000.
MAX_LEVELS = 500


def valid_parents(
    job_ids: Collection[str],
    masters: Sequence[JobMaster],
    dependencies: Sequence[JobDependency],
    unusable: Collection[str],
    findings: list[Finding],
) -> dict[str, set[str]]:
    """Return the parents of each valid job; drop jobs whose parent is unknown or invalid.

    Args:
        job_ids: The jobs that are valid without their parents.
        masters: All rows of job_master.
        dependencies: All rows of job_dependency.
        unusable: The jobs with a row that is set aside.
        findings: The list that findings are added to.
    """
    known = {job_id: JobMaster(job_id) for job_id in unusable}
    known |= {master.job_id: master for master in masters}
    by_folded = {_folded(job_id): job_id for job_id in known}
    parents: dict[str, set[str]] = {job_id: set() for job_id in job_ids}
    faulty = {*unusable}
    for row in dependencies:
        if fault := _dependency_fault(row, known, by_folded):
            findings.append(_of_edge(row, fault))
            faulty.add(row.dependent_job_id)
        elif row.parent_job_id and row.dependent_job_id in parents:
            parents[row.dependent_job_id].add(row.parent_job_id)
    invalid = (set(known) - set(job_ids)) | faulty
    for job_id, parent in _downstream(invalid, parents):
        reason = f"waits for {parent}, which is quarantined; correct that job first"
        findings.append(job_finding(job_id, reason))
        invalid.add(job_id)
    return {job_id: ids for job_id, ids in parents.items() if job_id not in invalid}


def _downstream(invalid: set[str], parents: Mapping[str, set[str]]) -> Iterator[tuple[str, str]]:
    """Yield each job downstream of an invalid one, however far, with the parent it waits for."""
    children: dict[str, list[str]] = defaultdict(list)
    for job_id, parent_ids in parents.items():
        for parent in parent_ids:
            children[parent].append(job_id)
    seen = set(invalid)
    pending = sorted(invalid)
    while pending:
        parent = pending.pop()
        for job_id in sorted(children[parent]):
            if job_id not in seen:
                seen.add(job_id)
                pending.append(job_id)
                yield job_id, parent


def _of_edge(row: JobDependency, reason: str, *, is_warning: bool = False) -> Finding:
    key = JOB_DEPENDENCY.key_text(row.to_row())
    return Finding(JOB_DEPENDENCY.name, key, reason, row.dependent_job_id, is_warning)


def _dependency_fault(
    row: JobDependency, known: Mapping[str, JobMaster], by_folded: Mapping[str, str]
) -> str | None:
    pairs = [("dependent", row.dependent_job_id, row.dependent_job_name)]
    if row.parent_job_id:
        pairs.append(("parent", row.parent_job_id, row.parent_job_name or ""))
    for role, job_id, name in pairs:
        if job_id not in known:
            meant = by_folded.get(_folded(job_id))
            hint = f"did you mean {meant}?" if meant else "apply its row too, or correct the id"
            return f"{role}_job_id {job_id} is not in job_master; {hint}"
        if name and known[job_id].job_name not in (None, name):
            return (
                f"{role}_job_name is {name}, but job_master calls {job_id} "
                f"{known[job_id].job_name}; give the row that name (`orch rename` gives a job's "
                "new name to all of its rows)"
            )
    return None


def _folded(job_id: str) -> str:
    return job_id.strip().casefold()


def order_findings(
    ordered: graph.Order,
    names: Mapping[str, str],
    parents: Mapping[str, set[str]],
    dependencies: Sequence[JobDependency],
) -> Iterator[Finding]:
    """Yield the findings on cycles and chains of jobs, and on rows that contradict their order.

    Args:
        ordered: The jobs in the order of their parents.
        names: job_name by job_id.
        parents: The parents of each job.
        dependencies: All rows of job_dependency.
    """
    yield from _graph_findings(ordered, names)
    yield from _depth_findings(ordered)
    yield from _level_warnings(ordered, dependencies)
    yield from _root_warnings(parents, dependencies)


def _graph_findings(ordered: graph.Order, names: Mapping[str, str]) -> Iterable[Finding]:
    for cycle in ordered.cycles:
        reason = f"a cycle: {_path(cycle)}; remove one of the rows"
        for job_id in cycle:
            key = f"dependent_job_id={job_id}, dependent_job_name={names[job_id]}"
            yield Finding(JOB_DEPENDENCY.name, key, reason, job_id)
    for job_id in ordered.behind:
        yield job_finding(job_id, "waits for a cycle, so it can never run; break the cycle first")


def _depth_findings(ordered: graph.Order) -> Iterable[Finding]:
    for job_id, level in ordered.levels.items():
        if level >= MAX_LEVELS:
            yield job_finding(
                job_id,
                f"waits for a chain of {level:,} jobs, and Dagster can't build a job of a chain "
                f"longer than {MAX_LEVELS}; take parents away",
            )


def _path(cycle: Sequence[str]) -> str:
    """Spell a cycle out, or its beginning and its end if it is long."""
    ids = [*cycle, cycle[0]]
    if len(cycle) > MOST_NAMES:
        left_out = len(cycle) - MOST_NAMES
        ids = [*cycle[: MOST_NAMES // 2], f"… ({left_out:,} more) …", *ids[-MOST_NAMES // 2 - 1 :]]
    return " waits for ".join(ids)


def _level_warnings(
    ordered: graph.Order, dependencies: Sequence[JobDependency]
) -> Iterable[Finding]:
    for row in dependencies:
        level = ordered.levels.get(row.dependent_job_id)
        if level is not None and row.dependency_level not in (None, level):
            reason = f"dependency_level is {row.dependency_level}, but the graph gives {level}"
            yield _of_edge(row, reason, is_warning=True)


def _root_warnings(
    parents: Mapping[str, set[str]], dependencies: Sequence[JobDependency]
) -> Iterable[Finding]:
    for row in dependencies:
        if not row.parent_job_id and (waits_for := parents.get(row.dependent_job_id)):
            reason = (
                f"says that the job is a root, but other rows give it a parent, and it waits for "
                f"{some_sorted(waits_for)}; remove this row or those"
            )
            yield _of_edge(row, reason, is_warning=True)
