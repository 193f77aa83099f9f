"""Find the jobs whose files are on this machine and whose executors are on others."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from framework.contract.shared_paths import REMEDY, UnsharedPath, runs_elsewhere, unshared_paths
from framework.contract.some_of import some_of
from framework.contract.system_settings import PARAM_TYPE, PATHS_SHARED
from orch_dagster.control.key_names import ParamsByKeyName
from orch_dagster.control.records import JobDependency, JobMaster, SysParam
from orch_dagster.control.sys_params import MASTER, SPARK_TYPE
from orch_dagster.control.tables import JOB_DEPENDENCY, JOB_MASTER, SYS_PARAMS
from orch_dagster.errors import OrchError
from orch_dagster.registry.changes import Rows
from orch_dagster.registry.context_params import base_of
from orch_dagster.registry.finding import Finding
from orch_dagster.registry.jobs import JobSpec, build_registry
from orch_dagster.registry.plan import Plan
from orch_dagster.settings import Settings
from orch_dagster.toolchain.find import find_spark, read_spark_defaults
from orch_dagster.toolchain.this_host import own_hosts

# Stands for the data root of another environment, which may be anywhere.
_ELSEWHERE = "hdfs://data_root"


@dataclass(frozen=True)
class Site:
    """The facts of a home about its master besides the rows.

    Attributes:
        environment: ORCH_ENV, for which the data root and spark-defaults.conf hold.
        base_dir: The data root.
        spark_defaults: The properties of spark-defaults.conf.
        hosts: The names and addresses of this machine.
    """

    environment: str
    base_dir: str
    spark_defaults: Mapping[str, str] = field(default_factory=dict[str, str])
    hosts: Collection[str] = ()


@dataclass(frozen=True)
class UnsharedJob:
    """A job with paths that its executors don't see.

    Attributes:
        spec: The job.
        environment: The environment in which it is so.
        master: The value of spark.master.
        row: The sys_param that sets it; None if spark-defaults.conf does.
        paths: The paths; at least one.
    """

    spec: JobSpec
    environment: str
    master: str
    row: SysParam | None
    paths: Sequence[UnsharedPath]

    @property
    def master_text(self) -> str:
        """Return the master with who sets it."""
        key = SYS_PARAMS.key_text(self.row.to_row()) if self.row else ""
        return f"{self.master!r} ({f'sys_params {key}' if key else 'spark-defaults.conf'})"

    @property
    def listed(self) -> str:
        """Return the paths with their places."""
        return "; ".join(map(str, self.paths))

    def finding(self) -> Finding:
        """Return the finding on the job's row."""
        return Finding(
            JOB_MASTER.name,
            f"job_id={self.spec.job_id}",
            f"context_params: {self.listed}: on this machine alone, while {MASTER} is "
            f"{self.master_text}, whose executors are on others. {REMEDY}",
            self.spec.job_id,
            place=f"context_params.{self.paths[0].where}",
        )


def site_of(settings: Settings, environ: Mapping[str, str] = os.environ) -> Site:
    """Return what this machine knows; nothing of spark-defaults.conf without a Spark."""
    try:
        defaults = read_spark_defaults(find_spark(environ), environ)
    except (OrchError, OSError):
        # Rows may be applied where nothing runs; doctor and the run name it.
        defaults = {}
    return Site(settings.env, settings.base_dir, defaults, own_hosts())


def unshared_jobs(
    specs: Iterable[JobSpec], params: Iterable[SysParam], site: Site
) -> Iterator[UnsharedJob]:
    """Yield each job and environment in which executors can't see the job's files."""
    rows: dict[str, list[SysParam]] = {site.environment: []}
    for row in params:
        if row.param_key in (MASTER, PATHS_SHARED.key):
            rows.setdefault(row.environment, []).append(row)
    by_key_name = {environment: ParamsByKeyName(each) for environment, each in rows.items()}
    of_spark = site.spark_defaults.get(MASTER, "")
    for spec in specs:
        for environment, of_environment in by_key_name.items():
            is_ours = environment == site.environment
            winning = {row.param_key: row for row in of_environment.winning(spec.key_names)}
            row = _of_type(SPARK_TYPE, winning.get(MASTER))
            master = (row and row.param_value) or (of_spark if is_ours else "")
            if not runs_elsewhere(master, site.hosts):
                continue
            base = base_of(site.base_dir if is_ours else _ELSEWHERE)
            shared = _of_type(PARAM_TYPE, winning.get(PATHS_SHARED.key))
            paths = unshared_paths(spec.context, base, _folders(shared))
            if paths:
                yield UnsharedJob(spec, environment, master, row, paths)


def cluster_path_findings(
    plan: Plan, given: Rows, settings: Settings, site: Site
) -> Iterator[Finding]:
    """Yield a finding for each given job, and each given master, that the plan sets apart.

    Args:
        plan: The plan.
        given: The rows of the files.
        settings: The settings.
        site: What this machine knows.
    """
    after = list(_of_rows(plan.after, settings, site))
    if not after:
        return
    before = {_key(each) for each in _of_rows(plan.before, settings, site)}
    jobs = {str(row["job_id"]) for row in given.get(JOB_MASTER.name, ())}
    yield from (each.finding() for each in after if each.spec.job_id in jobs)
    others: dict[str, list[UnsharedJob]] = {}
    for each in after:
        if each.spec.job_id not in jobs and _key(each) not in before:
            others.setdefault(each.master_text, []).append(each)
    for found in others.values():
        yield _on_master(found)


def _on_master(found: Sequence[UnsharedJob]) -> Finding:
    """Return the finding on a master that sets jobs apart whose rows are not given."""
    first = found[0]
    key = SYS_PARAMS.key_text(first.row.to_row()) if first.row else f"param_key={MASTER}"
    jobs = some_of((f"{each.spec.job_name}: {each.listed}" for each in found), len(found), "; ")
    return Finding(
        SYS_PARAMS.name,
        key,
        f"{MASTER} is {first.master!r}, whose executors are on other machines, while files of "
        f"jobs are on this machine alone: {jobs}. {REMEDY}",
        "",
        place="param_value",
    )


def _of_rows(rows: Rows, settings: Settings, site: Site) -> Iterator[UnsharedJob]:
    params = [SysParam.from_row(row) for row in rows[SYS_PARAMS.name]]
    masters = [row.param_value or "" for row in params if row.param_key == MASTER]
    masters.append(site.spark_defaults.get(MASTER, ""))
    # Without such a master, as nearly always, no row of thousands is read.
    if any(runs_elsewhere(master, site.hosts) for master in masters):
        registry = build_registry(
            [JobMaster.from_row(row) for row in rows[JOB_MASTER.name]],
            [JobDependency.from_row(row) for row in rows[JOB_DEPENDENCY.name]],
            lambda _: None,
            settings.base_dir,
        )
        yield from unshared_jobs(registry.jobs.values(), params, site)


def _key(job: UnsharedJob) -> tuple[str, str, str, str]:
    return job.spec.job_id, job.environment, job.master, job.listed


def _of_type(param_type: str, row: SysParam | None) -> SysParam | None:
    return row if row and row.param_type == param_type else None


def _folders(row: SysParam | None) -> Sequence[str]:
    value = row.param_value or "" if row else ""
    if PATHS_SHARED.error(value):
        # The check of the setting names it.
        return ()
    return [each for each in PATHS_SHARED.parse(value).split(",") if each]
