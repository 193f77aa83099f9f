"""Find what is wrong with a plan before it is written."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from orch_dagster.control.records import (
    STARTED,
    ExecutionLog,
    JobDependency,
    JobMaster,
    SysParam,
    read_records,
)
from orch_dagster.control.store import ControlStore
from orch_dagster.control.sys_params import SettingCheck, system_fault
from orch_dagster.control.tables import JOB_DEPENDENCY, JOB_MASTER, SYS_PARAMS, Row
from orch_dagster.registry.changes import Rows
from orch_dagster.registry.hql_files import hql_findings_of_rows
from orch_dagster.registry.jobs import Finding, build_registry, script_check
from orch_dagster.registry.plan import Plan
from orch_dagster.registry.prune import group_of, key_name_fault, key_names
from orch_dagster.settings import Settings


def plan_findings(
    plan: Plan, given: Collection[str], store: ControlStore, settings: Settings
) -> list[Finding]:
    """Return the findings on the given jobs once the plan is written, and new ones on others."""
    check_script = script_check(settings.jobs_path, settings.script_url_prefixes)

    def findings(rows: Rows) -> tuple[Finding, ...]:
        return build_registry(
            [JobMaster.from_row(row) for row in rows[JOB_MASTER.name]],
            [JobDependency.from_row(row) for row in rows[JOB_DEPENDENCY.name]],
            check_script,
            settings.base_dir,
        ).findings

    before = set(findings(plan.before))
    masters = map(JobMaster.from_row, plan.after[JOB_MASTER.name])
    of_files = (row for row in masters if row.job_id in given)
    return [
        *plan.refusals,
        *_unfinished(plan, store),
        *(each for each in findings(plan.after) if each.job_id in given or each not in before),
        *hql_findings_of_rows(of_files, settings.hql_path),
    ]


def _unfinished(plan: Plan, store: ControlStore) -> Iterator[Finding]:
    """Yield a finding for each run of a renamed or removed job that is not over.

    The journal that keeps two landings of a date apart has the job's name in its path.
    """
    job_ids = sorted({*(plan.renamed or ()), *plan.removed})
    if not job_ids:
        return
    where = {"job_id": job_ids, "status": STARTED}
    for row in read_records(store, ExecutionLog, where, ["job_id", "run_id", "biz_dt"]):
        word = "removed" if row.job_id in plan.removed else "renamed"
        reason = (
            f"can't be {word} while the run {row.run_id} lands {row.biz_dt}; wait for its end "
            f"(`orch log --follow {row.run_id}`); `orch log rebuild` ends one "
            f"whose process is gone"
        )
        yield Finding(JOB_MASTER.name, f"job_id={row.job_id}", reason, str(row.job_id))


def group_findings(plan: Plan) -> Iterator[Finding]:
    """Yield a finding for each job that a new name alone would move to another group."""
    before, after = (
        {row["job_id"]: group_of(row) for row in rows[JOB_MASTER.name]}
        for rows in (plan.before, plan.after)
    )
    for job_id in plan.renamed or ():
        if before[job_id] != after[job_id]:
            reason = (
                f"the new name moves the job from group {before[job_id]} to {after[job_id]}, where "
                f"other dates are open; put entity and source_system into context_params first"
            )
            yield Finding(JOB_MASTER.name, f"job_id={job_id}", reason, job_id)


def setting_findings(given: Sequence[Row], plan: Plan, check: SettingCheck) -> Iterator[Finding]:
    """Yield the findings on the given sys_params once written."""
    keys = {SYS_PARAMS.key_text(row) for row in given}
    names = key_names(plan.after[JOB_MASTER.name])
    old_names = {old for old, _ in (plan.renamed or {}).values()} - names
    for row in plan.after[SYS_PARAMS.name]:
        if (key := SYS_PARAMS.key_text(row)) in keys:
            fault = system_fault(SysParam.from_row(row), check)
            if fault:
                yield Finding(
                    SYS_PARAMS.name, key, fault.reason, "", fault.is_warning, fault.column
                )
            if reason := key_name_fault(row, names):
                is_warning = row["key_name"] not in old_names
                yield Finding(SYS_PARAMS.name, key, reason, "", is_warning, "key_name")
