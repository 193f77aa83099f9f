"""Turn the rows of job_master and job_dependency into JobSpecs, and their faults into findings.

An invalid row is quarantined with its reason; every other job loads. The only I/O here is the check
that a script exists.
"""

from __future__ import annotations

import keyword
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path, PurePosixPath, PureWindowsPath
from types import MappingProxyType

from framework.contract.some_of import some_of
from framework.contract.windows_names import is_device
from orch_dagster.control.group import GroupKey
from orch_dagster.control.records import JobDependency, JobMaster
from orch_dagster.control.tables import JOB_DEPENDENCY, JOB_MASTER
from orch_dagster.files import first_file
from orch_dagster.registry import graph
from orch_dagster.registry.context_params import (
    ContextParams,
    ContextParamsError,
    context_warnings,
    parse_context_params,
)
from orch_dagster.registry.dependencies import MAX_LEVELS, order_findings, valid_parents
from orch_dagster.registry.finding import Finding, context_finding, job_finding
from orch_dagster.registry.nested_sinks import nested_sinks
from orch_dagster.registry.new_row_rules import rule_faults
from orch_dagster.registry.sink_clashes import sink_clashes

# Dagster's own rule for names of jobs and ops (dagster._core.definitions.utils).
_VALID_NAME = re.compile(r"[A-Za-z0-9_]+")
_RESERVED_NAMES = frozenset(
    {"context", "conf", "config", "meta", "arg_dict", "dict", "input_arg_dict", "output_arg_dict"}
    | {"int", "str", "float", "bool", "input", "output", "type"}
    | set(keyword.kwlist)
)

_ON_WINDOWS = os.name == "nt"
# Names are those of files and folders, of which file systems take 255 bytes, with endings of ours.
MAX_NAME_CHARACTERS = 200
_TOO_LONG = f"more than {MAX_NAME_CHARACTERS}: files and folders are named after it"

_ON_SOME_DATES = (
    "only on a date whose start_dt and end_dt in process_control make it so, which its run refuses"
)


@dataclass(frozen=True)
class JobSpec:
    """One valid landing job."""

    job_id: str
    job_name: str
    context: ContextParams
    script_path: str
    comments: str | None = None
    parents: tuple[str, ...] = ()
    """The job_ids that it waits for, sorted."""

    @cached_property
    def group(self) -> GroupKey:
        """Return the key of its group."""
        return GroupKey(self.context.entity, self.context.source_system)

    @property
    def key_names(self) -> tuple[str, ...]:
        """Return the key_names of the sys_params that apply to it, the narrowest first."""
        return (self.job_name, self.group.name, "*")

    @cached_property
    def hql(self) -> str | None:
        """Return the name of its HQL file, None if it has none."""
        return self.context.hql

    @cached_property
    def source_count(self) -> int:
        """Return the number of its sources."""
        return len(self.context.sources)

    @property
    def has_sinks(self) -> bool:
        """Return whether it has sinks, and so must report a landing."""
        return bool(self.context.sinks)


@dataclass(frozen=True)
class Group:
    """Jobs of one entity and source_system.

    Attributes:
        key: The pair; its name is Dagster's group, and the job that runs the whole chain.
        jobs: All of them, or those that are requested, parents first; at least one.
    """

    key: GroupKey
    jobs: tuple[JobSpec, ...]

    @classmethod
    def of(cls, spec: JobSpec) -> Group:
        """Return the part of a job's group that is the job alone."""
        return cls(spec.group, (spec,))

    @property
    def name(self) -> str:
        """Return the group's name, such as ``gels_fpms``."""
        return self.key.name

    @property
    def key_names(self) -> tuple[str, ...]:
        """Return the key_names of the sys_params that apply to all of it, the narrowest first."""
        return (self.name, "*")

    @property
    def job_ids(self) -> tuple[str, ...]:
        """Return the job_id of each job."""
        return tuple(spec.job_id for spec in self.jobs)

    @property
    def job_names(self) -> tuple[str, ...]:
        """Return the name of each job."""
        return tuple(spec.job_name for spec in self.jobs)


@dataclass(frozen=True)
class Registry:
    """The valid jobs by name, parents before children, and the findings on the others.

    Attributes:
        jobs: The valid jobs by job_name.
        findings: What is wrong with rows, also what keeps no job from running.
        name_by_id: The job_names of the valid jobs by job_id.
        quarantined: The job_names of the other rows by job_id; '' for a row without one.
    """

    jobs: Mapping[str, JobSpec]
    findings: tuple[Finding, ...] = ()
    name_by_id: Mapping[str, str] = field(default_factory=dict)
    quarantined: Mapping[str, str] = field(default_factory=dict)

    def parents_of(self, spec: JobSpec) -> list[JobSpec]:
        """Return the specs of a job's parents."""
        return [self.jobs[self.name_by_id[parent]] for parent in spec.parents]

    @cached_property
    def groups(self) -> Mapping[str, Group]:
        """Return the groups by name, in the order of their first jobs."""
        jobs: dict[GroupKey, list[JobSpec]] = defaultdict(list)
        for spec in self.jobs.values():
            jobs[spec.group].append(spec)
        return {key.name: Group(key, tuple(specs)) for key, specs in jobs.items()}


_TABLES_OF_JOBS = (JOB_MASTER.name, JOB_DEPENDENCY.name)

ScriptCheck = Callable[[str], str | None]
"""Takes a script_path and returns what is wrong with it, or None."""


def build_registry(
    masters: Sequence[JobMaster],
    dependencies: Sequence[JobDependency],
    check_script: ScriptCheck,
    data_root: str | None = None,
    set_aside: Sequence[Finding] = (),
    own_folders: Mapping[str, str] = MappingProxyType({}),
) -> Registry:
    """Turn the two tables into a registry.

    Args:
        masters: All rows of job_master.
        dependencies: All rows of job_dependency.
        check_script: Returns what is wrong with a script_path, as ``script_check`` does.
        data_root: Where relative paths of context_params start; None if unknown.
        set_aside: Findings on rows that are not among these, as they can't be used. A job with
            such a row is quarantined: without one of its parents it would run too early.
        own_folders: Where no job may land: what is kept there, by the folder's location.
    """
    findings = [*set_aside]
    specs = _valid_specs(masters, check_script, data_root, findings)
    findings += _rule_findings(specs, data_root, own_folders)
    unusable = {each.job_id for each in set_aside if each.table in _TABLES_OF_JOBS} - {""}
    parents = valid_parents(specs, masters, dependencies, unusable, findings)
    ordered = graph.order(parents)
    names = {job_id: spec.job_name for job_id, spec in specs.items()}
    findings += order_findings(ordered, names, parents, dependencies)
    jobs: dict[str, JobSpec] = {}
    for job_id in ordered.ids:
        if ordered.levels[job_id] >= MAX_LEVELS:
            continue
        spec = specs[job_id]
        jobs[spec.job_name] = JobSpec(
            job_id,
            spec.job_name,
            spec.context,
            spec.script_path,
            spec.comments,
            tuple(sorted(parents[job_id])),
        )
    valid = {spec.job_id: name for name, spec in jobs.items()}
    given = {each.job_id: "" for each in set_aside if each.table == JOB_MASTER.name}
    given |= {master.job_id: master.job_name or "" for master in masters}
    return Registry(
        jobs=jobs,
        findings=tuple(findings),
        name_by_id=valid,
        quarantined={job_id: name for job_id, name in given.items() if job_id not in valid},
    )


def script_check(jobs_path: Sequence[Path], url_prefixes: Sequence[str]) -> ScriptCheck:
    """Make a ScriptCheck for scripts under one of the folders, or URLs under a prefix."""
    folders = " or ".join(map(str, jobs_path))

    @cache
    def check(script_path: str) -> str | None:
        if "://" in script_path:
            under = any(script_path.startswith(f"{prefix.rstrip('/')}/") for prefix in url_prefixes)
            if under and ".." not in script_path.split("/"):
                return None
            return (
                f"script_path {script_path} is a URL outside the allowed prefixes; "
                f"add its prefix to ORCH_SCRIPT_URL_PREFIXES"
            )
        posix, windows = PurePosixPath(script_path), PureWindowsPath(script_path)
        if posix.is_absolute() or windows.drive or windows.root or ".." in windows.parts:
            return f"script_path {script_path} lies outside {folders}; give it relative to jobs/"
        try:
            is_file = first_file(jobs_path, script_path) is not None
        except OSError as error:
            return f"script_path {script_path} can't be looked up: {error.strerror}"
        return None if is_file else f"script_path {script_path} is not a file under {folders}"

    return check


def _valid_specs(
    masters: Sequence[JobMaster],
    check_script: ScriptCheck,
    data_root: str | None,
    findings: list[Finding],
) -> dict[str, JobSpec]:
    by_folded_name: dict[str, list[JobMaster]] = defaultdict(list)
    for master in masters:
        by_folded_name[(master.job_name or "").lower()].append(master)
    specs: dict[str, JobSpec] = {}
    for master in masters:
        name = master.job_name or ""
        # Each with its place in the row.
        reasons = [("job_name", fault) for fault in _name_faults(name)]
        if name and len(same_name := by_folded_name[name.lower()]) > 1:
            others = (f"{m.job_name} ({m.job_id})" for m in same_name if m is not master)
            listed = some_of(others, len(same_name) - 1)
            clash = f"job_name {name} is not unique, ignoring case: see {listed}"
            reasons.append(("job_name", clash))
        if not master.script_path:
            reasons.append(("script_path", "script_path is empty; give a file under jobs/"))
        elif problem := check_script(master.script_path):
            reasons.append(("script_path", problem))
        findings += [job_finding(master.job_id, reason, place) for place, reason in reasons]
        context = None
        try:
            context = parse_context_params(master.context_params, name, data_root)
            warnings = context_warnings(context, name, data_root)
        except ContextParamsError as error:
            findings += [context_finding(master.job_id, fault) for fault in error.faults]
            warnings = error.warnings
        findings += [
            context_finding(master.job_id, f"{fault}; {_ON_SOME_DATES}", is_warning=True)
            for fault in warnings
        ]
        if context is not None and not reasons:
            specs[master.job_id] = JobSpec(
                master.job_id, name, context, master.script_path or "", master.comments
            )
    alone = _without_group_clashes(specs, findings)
    apart = _without_sink_clashes(specs, data_root, findings)
    return {job_id: spec for job_id, spec in alone.items() if job_id in apart}


def _rule_findings(
    specs: Mapping[str, JobSpec], data_root: str | None, own_folders: Mapping[str, str]
) -> Iterator[Finding]:
    for job_id, spec in specs.items():
        for fault in rule_faults(spec.context, spec.job_name, data_root, own_folders):
            yield context_finding(
                job_id, fault.text, is_warning=True, is_tolerated=fault.is_refused
            )
    for job_id, fault in nested_sinks(specs, data_root):
        yield context_finding(job_id, fault, is_warning=True, is_tolerated=True)


def _name_faults(name: str) -> list[str]:
    if not name:
        return ["job_name is empty"]
    if not _VALID_NAME.fullmatch(name):
        shown = repr(name) if len(name) <= MAX_NAME_CHARACTERS else f"{name[:20]!r}…"
        return [f"job_name {shown} may hold only letters, digits and underscores"]
    if len(name) > MAX_NAME_CHARACTERS:
        return [f"job_name {name[:20]}… has {len(name):,} characters, {_TOO_LONG}"]
    if _ON_WINDOWS and is_device(name):
        return [f"job_name {name} means a device on Windows, and files are named after it"]
    if name in _RESERVED_NAMES or name.startswith("__"):
        return [f"job_name {name} is reserved by Dagster"]
    return []


def _without_sink_clashes(
    specs: dict[str, JobSpec], data_root: str | None, findings: list[Finding]
) -> dict[str, JobSpec]:
    """Drop jobs that would replace what other jobs land; both, as either's data may be gone."""
    clashing: set[str] = set()
    for job_id, where, reason in sink_clashes(specs, data_root):
        findings.append(context_finding(job_id, f"{where}: {reason}"))
        clashing.add(job_id)
    return {job_id: spec for job_id, spec in specs.items() if job_id not in clashing}


def _without_group_clashes(
    specs: dict[str, JobSpec], findings: list[Finding]
) -> dict[str, JobSpec]:
    """Drop jobs named like a group, and jobs whose group has an invalid or ambiguous name."""
    groups: dict[str, set[GroupKey]] = defaultdict(set)
    for spec in specs.values():
        groups[spec.group.name].add(spec.group)
    listed = {
        name: some_of((f"{a!r} {b!r}" for a, b in sorted(pairs)), len(pairs), " and ")
        for name, pairs in groups.items()
    }
    kept: dict[str, JobSpec] = {}
    for job_id, spec in specs.items():
        name = spec.group.name
        if not _VALID_NAME.fullmatch(name):
            reason = (
                f"entity and source_system make the group {name!r}; "
                f"they may hold only letters, digits and underscores"
            )
        elif len(name) > MAX_NAME_CHARACTERS:
            reason = f"the group {name[:20]}… has {len(name):,} characters, {_TOO_LONG}"
        elif len(groups[name]) > 1:
            number = "two" if len(groups[name]) == 2 else f"{len(groups[name]):,}"
            reason = f"{number} groups would have the name {name}: {listed[name]}; rename one"
        elif spec.job_name.lower() in groups:
            reason = f"job_name {spec.job_name} is the name of a group's job; choose another"
        else:
            kept[job_id] = spec
            continue
        findings.append(job_finding(job_id, reason))
    return kept
