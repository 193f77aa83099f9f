"""Keep what the checks of many rows found, so that a process that needs one job checks no other.

The checks of ten thousand rows take a second and more, and `dagster job execute` of one of them
waits for all. What they found holds for the same rows, settings and code, which a digest tells, and
for the same scripts, which are looked for again. With any difference all is checked anew.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from operator import attrgetter
from pathlib import Path
from typing import Any

import framework.contract
import orch_dagster.control
import orch_dagster.registry
from orch_dagster.control.group import GroupKey
from orch_dagster.control.records import JobMaster
from orch_dagster.control.tables import JOB_DEPENDENCY, JOB_MASTER
from orch_dagster.files import write_atomically
from orch_dagster.registry.context_params import ContextParams, parse_context_params
from orch_dagster.registry.finding import Finding
from orch_dagster.registry.jobs import JobSpec, Registry, ScriptCheck, build_registry, script_check
from orch_dagster.registry.snapshot import RegistryRows
from orch_dagster.settings import Settings

_LOG = logging.getLogger("orch_dagster")

# Fewer rows are checked in a fraction of the time that Dagster's import takes.
_WORTH_KEEPING = 500
# The code that judges a row.
_PACKAGES = (framework.contract, orch_dagster.control, orch_dagster.registry)


@dataclass(frozen=True)
class _Known:
    """What is known of a valid job without its context_params; lists where JSON made them."""

    job_id: str
    group: Sequence[str]
    hql: str | None
    source_count: int
    parents: Sequence[str]


class KeptSpec(JobSpec):
    """A job that an earlier load found valid; its context_params are read at their first use."""

    _known: _Known
    _text: str | None
    _data_root: str

    def __init__(self, master: JobMaster, known: _Known, data_root: str) -> None:
        # The fields are frozen, and `context` is set by its first use.
        self.__dict__.update(
            job_id=master.job_id,
            job_name=master.job_name or "",
            script_path=master.script_path or "",
            comments=master.comments,
            parents=tuple(known.parents),
            _known=known,
            _text=master.context_params,
            _data_root=data_root,
        )

    @cached_property
    def context(self) -> ContextParams:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Return its context_params, read by the rules that they passed."""
        return parse_context_params(self._text, self.job_name, self._data_root)

    @property
    def group(self) -> GroupKey:
        """Return the key of its group."""
        return GroupKey(*self._known.group)

    @property
    def hql(self) -> str | None:
        """Return the name of its HQL file, None if it has none."""
        return self._known.hql

    @property
    def source_count(self) -> int:
        """Return the number of its sources."""
        return self._known.source_count


def checked_registry(rows: RegistryRows, settings: Settings) -> Registry:
    """Return the registry of the rows, checked now or, if nothing has changed, at an earlier load.

    What is found on many rows is kept in ``.orch/registry_checks.json``, which may be deleted.
    """
    check_script = script_check(settings.jobs_path, settings.script_url_prefixes)
    if len(rows.masters) < _WORTH_KEEPING:
        return _checked(rows, settings, check_script)
    path = settings.state_dir / "registry_checks.json"
    scripts = dict.fromkeys(master.script_path or "" for master in rows.masters)
    digest = _digest(rows, settings, {script: check_script(script) for script in scripts})
    if kept := _read(path, digest, rows, settings.base_dir):
        return kept
    registry = _checked(rows, settings, check_script)
    try:
        write_atomically(path, json.dumps({"digest": digest, **_document(registry)}))
    except OSError as error:
        _LOG.info("what the checks of the registry found is not kept: %s", error)
    return registry


def _checked(rows: RegistryRows, settings: Settings, check_script: ScriptCheck) -> Registry:
    return build_registry(
        rows.masters,
        rows.dependencies,
        check_script,
        settings.base_dir,
        rows.set_aside,
        settings.own_folders,
    )


def _digest(rows: RegistryRows, settings: Settings, scripts: Mapping[str, str | None]) -> str:
    """Return a digest of all that the checks depend on."""
    judged = {
        "job_master": list(map(attrgetter(*JOB_MASTER.names), rows.masters)),
        "job_dependency": list(map(attrgetter(*JOB_DEPENDENCY.names), rows.dependencies)),
        "set_aside": [asdict(each) for each in rows.set_aside],
        "settings": [settings.base_dir, settings.own_folders, scripts],
        "code": [os.name, sys.version, *_code_files()],
    }
    return hashlib.sha256(json.dumps(judged).encode()).hexdigest()


def _code_files() -> Iterable[tuple[str, int, int]]:
    """Yield the name, size and time of each file of the code that judges rows."""
    for package in _PACKAGES:
        for folder in package.__path__:
            for file in sorted(Path(folder).rglob("*.py")):
                stat = file.stat()
                yield str(file), stat.st_size, stat.st_mtime_ns


def _document(registry: Registry) -> Mapping[str, Any]:
    """Return what was found, as the file has it; _Known has the parts of a job."""
    return {
        "jobs": [
            {
                "job_id": spec.job_id,
                "group": spec.group,
                "hql": spec.hql,
                "source_count": spec.source_count,
                "parents": spec.parents,
            }
            for spec in registry.jobs.values()
        ],
        "findings": [asdict(finding) for finding in registry.findings],
        "quarantined": registry.quarantined,
    }


def _read(path: Path, digest: str, rows: RegistryRows, data_root: str) -> Registry | None:
    """Return the registry of the file, None if it is of something else."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["digest"] != digest:
            return None
        masters = {master.job_id: master for master in rows.masters}
        specs = [
            KeptSpec(masters[known["job_id"]], _Known(**known), data_root)
            for known in document["jobs"]
        ]
        jobs = {spec.job_name: spec for spec in specs}
        return Registry(
            jobs=jobs,
            findings=tuple(Finding(**finding) for finding in document["findings"]),
            name_by_id={spec.job_id: name for name, spec in jobs.items()},
            quarantined=document["quarantined"],
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        # Not there yet, or nobody's: all is checked, and it is written again.
        return None
