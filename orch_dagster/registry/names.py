"""Find the jobs that a name given by a person means: a job_name, a job_id or a group. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from framework.contract.some_of import some_of
from orch_dagster.control.group import GroupKey
from orch_dagster.control.tables import Row
from orch_dagster.errors import UnknownJobError
from orch_dagster.registry.jobs import Group, JobSpec, Registry
from orch_dagster.registry.prune import group_of
from orch_dagster.registry.similar_names import did_you_mean


def find_jobs(registry: Registry, name: str) -> Group:
    """Return the jobs that a name means: a group's, or the one of a job_name or job_id.

    The case counts only where two names differ by nothing else.

    Raises:
        UnknownJobError: If it means none; names similar ones, or what is wrong with its row.
    """
    known: dict[str, Group | JobSpec] = {spec.job_id: spec for spec in registry.jobs.values()}
    # The names of jobs and groups are those of Dagster's jobs, so they count before an id.
    known |= registry.jobs
    known |= registry.groups
    found = known.get(_spelled(name, known) or "")
    if found is None:
        if reasons := quarantine_reasons(registry, name):
            raise UnknownJobError(reasons)
        raise UnknownJobError(
            f"no job {name}: job_master has no valid row of that job_name or job_id, and no group "
            f"has that name; {did_you_mean(name, known) or '`orch jobs` lists the valid jobs'} "
            f"(`orch doctor` names the quarantined rows)"
        )
    return found if isinstance(found, Group) else Group.of(found)


def find_job(registry: Registry, name: str) -> JobSpec:
    """Return the one job that a name means.

    Raises:
        UnknownJobError: If it means none, or a group of several.
    """
    jobs = find_jobs(registry, name).jobs
    if len(jobs) != 1:
        names = [spec.job_name for spec in jobs]
        raise UnknownJobError(f"{name} is a group of {len(jobs)} jobs; give one: {_listed(names)}")
    return jobs[0]


def quarantine_reasons(registry: Registry, name: str) -> str | None:
    """Return why the job of a job_name or job_id is quarantined, as an error says it.

    Returns:
        None if no row that is quarantined has the name.
    """
    ids = {job_name: job_id for job_id, job_name in registry.quarantined.items() if job_name}
    ids |= {job_id: job_id for job_id in registry.quarantined}
    if (spelled := _spelled(name, ids)) is None:
        return None
    job_id = ids[spelled]
    found = [each for each in registry.findings if each.job_id == job_id and not each.is_warning]
    return f"job {spelled} is quarantined; mend its rows (`orch apply`):" + "".join(
        f"\n  {each}" for each in found
    )


def job_to_run(group: Group, name: str) -> str:
    """Return the Dagster job that runs the jobs that a name means: of the group, or of the one job.

    Args:
        group: The jobs, as `find_jobs` returned them for the name.
        name: The name.
    """
    return group.name if name.casefold() == group.name else group.jobs[0].job_name


def job_ids_named(
    name: str, masters: Iterable[Row], names_by_id: Mapping[str, str]
) -> tuple[str, ...]:
    """Return the job_ids that a name means among rows that may be quarantined.

    Args:
        name: A job_name, a job_id or a group.
        masters: The rows of job_master.
        names_by_id: The job_names by job_id, also of jobs without a row of job_master.

    Raises:
        UnknownJobError: If it means none; names similar ones.
    """
    ids: dict[str, list[str]] = {job_id: [job_id] for job_id in names_by_id}
    groups: dict[str, list[str]] = {}
    for row in masters:
        if group := group_of(row):
            groups.setdefault(group, []).append(str(row["job_id"]))
    ids |= {job_name: [job_id] for job_id, job_name in names_by_id.items()} | groups
    if (found := _spelled(name, ids)) is None:
        hint = did_you_mean(name, ids) or "`orch jobs` lists the valid jobs"
        raise UnknownJobError(
            f"no job {name}: neither a job_name, a job_id of job_master nor a group; {hint}"
        )
    return tuple(ids[found])


def find_group(name: str, known: Mapping[str, GroupKey]) -> GroupKey:
    """Return the group of that name.

    Args:
        name: Its name, whatever its case.
        known: The groups by name.

    Raises:
        UnknownJobError: If no job has that group; names similar ones.
    """
    if (found := _spelled(name, known)) is None:
        hint = did_you_mean(name, known) or "`orch jobs` lists the groups"
        raise UnknownJobError(
            f"no group {name}: no row of job_master has that entity and source_system; {hint} "
            f"(`orch apply` adds its jobs)"
        )
    return known[found]


def _spelled(name: str, known: Collection[str]) -> str | None:
    """Return the known name that is this one, or the only one that differs from it by case."""
    if name in known:
        return name
    alike = [each for each in known if each.casefold() == name.casefold()]
    return alike[0] if len(alike) == 1 else None


def _listed(names: Collection[str]) -> str:
    return some_of(names, len(names), most=20)
