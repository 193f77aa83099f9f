"""Find what is wrong with a plan before it is written."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from framework.contract.business_dates import window_fault
from orch_dagster.control.records import (
    STARTED,
    ExecutionLog,
    JobDependency,
    JobMaster,
    ProcessControl,
    SysParam,
    read_records,
)
from orch_dagster.control.store import ControlStore
from orch_dagster.control.sys_params import SettingCheck, system_fault
from orch_dagster.control.tables import (
    JOB_DEPENDENCY,
    JOB_MASTER,
    PROCESS_CONTROL,
    SYS_PARAMS,
    Row,
)
from orch_dagster.registry.changes import Rows
from orch_dagster.registry.finding import Finding, context_finding
from orch_dagster.registry.hql_files import hql_findings_of_rows, spec_of_row
from orch_dagster.registry.jobs import build_registry, script_check
from orch_dagster.registry.known_key_names import KnownKeyNames
from orch_dagster.registry.plan import Plan
from orch_dagster.registry.prune import group_of
from orch_dagster.registry.secret_refs import secret_keys, secret_ref_findings
from orch_dagster.registry.sink_clashes import sink_clashes
from orch_dagster.settings import Settings


def plan_findings(
    plan: Plan, given: Collection[str], store: ControlStore, settings: Settings
) -> list[Finding]:
    """Return the findings on the given jobs once the plan is written, and new ones on others."""
    check_script = script_check(settings.jobs_path, settings.script_url_prefixes)
    real_folder = cache(_real_folder)

    def findings(rows: Rows) -> tuple[Finding, ...]:
        registry = build_registry(
            [JobMaster.from_row(row) for row in rows[JOB_MASTER.name]],
            [JobDependency.from_row(row) for row in rows[JOB_DEPENDENCY.name]],
            check_script,
            settings.base_dir,
            own_folders=settings.own_folders,
        )
        specs = {spec.job_id: spec for spec in registry.jobs.values()}
        by_links = (
            context_finding(job_id, f"{where}: {reason}")
            for job_id, where, reason in sink_clashes(specs, settings.base_dir, real_folder)
        )
        return (*registry.findings, *by_links)

    before = set(findings(plan.before))
    masters = map(JobMaster.from_row, plan.after[JOB_MASTER.name])
    of_files = [row for row in masters if row.job_id in given]
    specs = (spec for row in of_files if (spec := spec_of_row(row)))
    return [
        *plan.refusals,
        *_unfinished(plan, store),
        *(
            # What a stored row may have is refused in one that is given.
            replace(each, is_warning=each.is_warning and not each.is_tolerated)
            if each.job_id in given
            else each
            for each in findings(plan.after)
            if each.job_id in given or each not in before
        ),
        *hql_findings_of_rows(of_files, settings.hql_path),
        *secret_ref_findings(specs, secret_keys(plan.after[SYS_PARAMS.name])),
    ]


def _real_folder(folder: str) -> str:
    try:
        return Path(os.path.realpath(folder)).as_posix()
    except (OSError, ValueError):
        # Windows looks at no name of more than 32,767 characters, or with signs that none has.
        return folder


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


def window_findings(given: Sequence[Row], plan: Plan) -> Iterator[Finding]:
    """Yield a finding for each given row of process_control whose window is upside down."""
    keys = {PROCESS_CONTROL.key_text(row) for row in given}
    for row in plan.after[PROCESS_CONTROL.name]:
        if (key := PROCESS_CONTROL.key_text(row)) in keys:
            record = ProcessControl.from_row(row)
            if fault := window_fault(record.start_dt, record.end_dt):
                yield Finding(PROCESS_CONTROL.name, key, fault, "", place="start_dt")


def environment_findings(given: Sequence[Row], plan: Plan, environment: str) -> Iterator[Finding]:
    """Yield a warning for each environment that the given sys_params bring, and is not ours.

    Files may hold the rows of several environments, so none is refused; one that the store knows
    is not named again.
    """
    known = {str(row["environment"]) for row in plan.before[SYS_PARAMS.name]} | {environment}
    counts = Counter(str(row["environment"]) for row in given)
    first = {str(row["environment"]): row for row in reversed(given)}
    for name in sorted(counts.keys() - known):
        near = get_close_matches(name.strip().upper(), [each.upper() for each in known], n=1)
        meant = [each for each in sorted(known) if [each.upper()] == near]
        more = counts[name] - 1
        rows = f", as in {more} more row{'s' if more > 1 else ''}" if more else ""
        yield Finding(
            SYS_PARAMS.name,
            SYS_PARAMS.key_text(first[name]),
            f"environment {name!r} is new{rows}: without effect here, where ORCH_ENV is "
            f"{environment}" + (f"; did you mean {meant[0]}?" if meant else ""),
            "",
            is_warning=True,
            place="environment",
        )


def setting_findings(given: Sequence[Row], plan: Plan, check: SettingCheck) -> Iterator[Finding]:
    """Yield the findings on the given sys_params once written."""
    keys = {SYS_PARAMS.key_text(row) for row in given}
    known = KnownKeyNames(plan.after[JOB_MASTER.name])
    old_names = {old for old, _ in (plan.renamed or {}).values()} - known.names
    for row in plan.after[SYS_PARAMS.name]:
        if (key := SYS_PARAMS.key_text(row)) in keys:
            fault = system_fault(SysParam.from_row(row), check)
            if fault:
                is_warning = fault.is_warning and not fault.is_tolerated
                yield Finding(SYS_PARAMS.name, key, fault.reason, "", is_warning, fault.column)
            if reason := known.fault(row):
                is_warning = row["key_name"] not in old_names
                yield Finding(SYS_PARAMS.name, key, reason, "", is_warning, "key_name")
