"""Turn the rows of job_master and job_dependency into JobSpecs, and their faults into findings.

An invalid row is quarantined with its reason; every other job loads. The only I/O here is the check
that a script exists.
"""

from __future__ import annotations

import keyword
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path, PurePosixPath, PureWindowsPath

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
from orch_dagster.registry.sink_clashes import sink_clashes
from orch_dagster.registry.some_of import MOST_NAMES, some_of, some_sorted

# Dagster's own rule for names of jobs and ops (dagster._core.definitions.utils).
_VALID_NAME = re.compile(r"[A-Za-z0-9_]+")
_RESERVED_NAMES = frozenset(
    {"context", "conf", "config", "meta", "arg_dict", "dict", "input_arg_dict", "output_arg_dict"}
    | {"int", "str", "float", "bool", "input", "output", "type"}
    | set(keyword.kwlist)
)

# Names are those of files and folders, of which file systems take 255 bytes, with endings of ours.
MAX_NAME_CHARACTERS = 200
_TOO_LONG = f"more than {MAX_NAME_CHARACTERS}: files and folders are named after it"

# Dagster goes along a chain by recursion, in its servers and commands; Python's limit is 1,000.
MAX_LEVELS = 500

_ON_SOME_DATES = (
    "only on a date whose start_dt and end_dt in process_control make it so, which its run refuses"
)


@dataclass(frozen=True)
class Finding:
    """A fault of a row.

    Attributes:
        table: The row's table.
        key: The row's key, such as ``job_id=JOB_1001``.
        reason: The fault and the remedy.
        job_id: The job that the row is about.
        is_warning: True if the job runs all the same.
        place: The column, or the place in its JSON: context_params.sinks[0].path; '' for the row.
    """

    table: str
    key: str
    reason: str
    job_id: str
    is_warning: bool = False
    place: str = ""

    def __str__(self) -> str:
        return f"{self.table} ({self.key}): {self.reason}"


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

    @property
    def group(self) -> GroupKey:
        """Return the key of its group."""
        return GroupKey(self.context.entity, self.context.source_system)

    @property
    def key_names(self) -> tuple[str, ...]:
        """Return the key_names of the sys_params that apply to it, the narrowest first."""
        return (self.job_name, self.group.name, "*")

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
    """The valid jobs by name, parents before children, and the findings on the others."""

    jobs: Mapping[str, JobSpec]
    findings: tuple[Finding, ...] = ()
    name_by_id: Mapping[str, str] = field(default_factory=dict)

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
) -> Registry:
    """Turn the two tables into a registry.

    Args:
        masters: All rows of job_master.
        dependencies: All rows of job_dependency.
        check_script: Returns what is wrong with a script_path, as ``script_check`` does.
        data_root: Where relative paths of context_params start; None if unknown.
        set_aside: Findings on rows that are not among these, as they can't be used. A job with
            such a row is quarantined: without one of its parents it would run too early.
    """
    findings = [*set_aside]
    specs = _valid_specs(masters, check_script, data_root, findings)
    unusable = {each.job_id for each in set_aside if each.table in _TABLES_OF_JOBS} - {""}
    parents = _valid_parents(specs, masters, dependencies, unusable, findings)
    ordered = graph.order(parents)
    findings += _graph_findings(ordered, specs)
    findings += _depth_findings(ordered)
    findings += _level_warnings(ordered, dependencies)
    findings += _root_warnings(parents, dependencies)
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
    return Registry(
        jobs=jobs,
        findings=tuple(findings),
        name_by_id={spec.job_id: name for name, spec in jobs.items()},
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


def _of_job(job_id: str, reason: str, place: str = "", *, is_warning: bool = False) -> Finding:
    return Finding(JOB_MASTER.name, f"job_id={job_id}", reason, job_id, is_warning, place)


def _of_context(job_id: str, fault: str, *, is_warning: bool = False) -> Finding:
    place = f"context_params.{fault.partition(':')[0]}"
    return _of_job(job_id, f"context_params: {fault}", place, is_warning=is_warning)


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
        findings += [_of_job(master.job_id, reason, place) for place, reason in reasons]
        context = None
        try:
            context = parse_context_params(master.context_params, name, data_root)
            warnings = context_warnings(context, name, data_root)
        except ContextParamsError as error:
            findings += [_of_context(master.job_id, fault) for fault in error.faults]
            warnings = error.warnings
        findings += [
            _of_context(master.job_id, f"{fault}; {_ON_SOME_DATES}", is_warning=True)
            for fault in warnings
        ]
        if context is not None and not reasons:
            specs[master.job_id] = JobSpec(
                master.job_id, name, context, master.script_path or "", master.comments
            )
    return _without_sink_clashes(_without_group_clashes(specs, findings), data_root, findings)


def _name_faults(name: str) -> list[str]:
    if not name:
        return ["job_name is empty"]
    if not _VALID_NAME.fullmatch(name):
        shown = repr(name) if len(name) <= MAX_NAME_CHARACTERS else f"{name[:20]!r}…"
        return [f"job_name {shown} may hold only letters, digits and underscores"]
    if len(name) > MAX_NAME_CHARACTERS:
        return [f"job_name {name[:20]}… has {len(name):,} characters, {_TOO_LONG}"]
    if name in _RESERVED_NAMES or name.startswith("__"):
        return [f"job_name {name} is reserved by Dagster"]
    return []


def _without_sink_clashes(
    specs: dict[str, JobSpec], data_root: str | None, findings: list[Finding]
) -> dict[str, JobSpec]:
    """Drop jobs that would replace what other jobs land; both, as either's data may be gone."""
    clashing: set[str] = set()
    for job_id, number, reason in sink_clashes(specs, data_root):
        findings.append(_of_context(job_id, f"sinks[{number}].path: {reason}"))
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
        findings.append(_of_job(job_id, reason))
    return kept


def _valid_parents(
    specs: Mapping[str, JobSpec],
    masters: Sequence[JobMaster],
    dependencies: Sequence[JobDependency],
    unusable: Collection[str],
    findings: list[Finding],
) -> dict[str, set[str]]:
    """Return the parents of each valid job; drop jobs whose parent is unknown or invalid."""
    known = {job_id: JobMaster(job_id) for job_id in unusable}
    known |= {master.job_id: master for master in masters}
    parents: dict[str, set[str]] = {job_id: set() for job_id in specs}
    faulty = {*unusable}
    for row in dependencies:
        if fault := _dependency_fault(row, known):
            findings.append(_of_edge(row, fault))
            faulty.add(row.dependent_job_id)
        elif row.parent_job_id and row.dependent_job_id in parents:
            parents[row.dependent_job_id].add(row.parent_job_id)
    invalid = (set(known) - set(specs)) | faulty
    for job_id, parent in _downstream(invalid, parents):
        reason = f"waits for {parent}, which is quarantined; correct that job first"
        findings.append(_of_job(job_id, reason))
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


def _dependency_fault(row: JobDependency, known: Mapping[str, JobMaster]) -> str | None:
    pairs = [("dependent", row.dependent_job_id, row.dependent_job_name)]
    if row.parent_job_id:
        pairs.append(("parent", row.parent_job_id, row.parent_job_name or ""))
    for role, job_id, name in pairs:
        if job_id not in known:
            return f"{role}_job_id {job_id} is not in job_master"
        if name and known[job_id].job_name not in (None, name):
            return (
                f"{role}_job_name is {name}, but job_master calls {job_id} {known[job_id].job_name}"
            )
    return None


def _graph_findings(ordered: graph.Order, specs: Mapping[str, JobSpec]) -> Iterable[Finding]:
    for cycle in ordered.cycles:
        reason = f"a cycle: {_path(cycle)}; remove one of the rows"
        for job_id in cycle:
            key = f"dependent_job_id={job_id}, dependent_job_name={specs[job_id].job_name}"
            yield Finding(JOB_DEPENDENCY.name, key, reason, job_id)
    for job_id in ordered.behind:
        yield _of_job(job_id, "waits for a cycle, so it can never run; break the cycle first")


def _depth_findings(ordered: graph.Order) -> Iterable[Finding]:
    for job_id, level in ordered.levels.items():
        if level >= MAX_LEVELS:
            yield _of_job(
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
