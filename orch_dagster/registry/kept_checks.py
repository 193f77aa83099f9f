"""Keep what the checks of many rows found, so that a process that needs one job checks no other.

The checks of ten thousand rows take a second and more, and `dagster job execute` of one of them
waits for all. What they found holds for the same rows, settings and code, which a digest tells, and
for the same scripts, which are looked for again. With any difference all is checked anew.
"""

from __future__ import annotations

import hashlib
import json
import logging
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict
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
from orch_dagster.files import os_fault, write_atomically
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


class KeptSpec(JobSpec):
    """A job that an earlier load found valid; its context_params are read at their first use."""

    _text: str | None
    _data_root: str

    @classmethod
    def of(cls, master: JobMaster, known: Mapping[str, Any], data_root: str) -> KeptSpec:
        """Return the job of a row.

        Args:
            master: The row.
            known: What is known of it without its context_params, as `_document` has it.
            data_root: As for parse_context_params.
        """
        # Not by __init__, which makes a copy by dataclasses.replace and needs the context.
        spec = object.__new__(cls)
        spec.__dict__.update(
            job_id=master.job_id,
            job_name=master.job_name or "",
            script_path=master.script_path or "",
            comments=master.comments,
            parents=tuple(known["parents"]),
            group=GroupKey(*known["group"]),
            hql=known["hql"],
            source_count=known["source_count"],
            _text=master.context_params,
            _data_root=data_root,
        )
        return spec

    @cached_property
    def context(self) -> ContextParams:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Return its context_params, read by the rules that they passed."""
        return parse_context_params(self._text, self.job_name, self._data_root)


def checked_registry(rows: RegistryRows, settings: Settings) -> Registry:
    """Return the registry of the rows, checked now or, if nothing has changed, at an earlier load.

    What is found on many rows is kept in ``.orch/registry_checks.jsonl``, which may be deleted.
    """
    check_script = script_check(settings.jobs_path, settings.script_url_prefixes)
    if len(rows.masters) < _WORTH_KEEPING:
        return _checked(rows, settings, check_script)
    path = settings.state_dir / "registry_checks.jsonl"
    scripts = dict.fromkeys(master.script_path or "" for master in rows.masters)
    digest = _digest(rows, settings, {script: check_script(script) for script in scripts})
    if kept := _read(path, digest, rows, settings.base_dir):
        return kept
    registry = _checked(rows, settings, check_script)
    found = json.dumps(_document(registry))
    try:
        write_atomically(path, f"{_sealed(digest, found)}\n{found}")
    except OSError as error:
        _LOG.info("what the checks of the registry found is not kept: %s", os_fault(error))
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
        "code": [sys.platform, sys.version, *_code_files()],
    }
    return hashlib.sha256(json.dumps(judged).encode()).hexdigest()


def _code_files() -> Iterable[tuple[str, str]]:
    """Yield the name and a digest of each file of the code that judges rows.

    Not its time, which a build that can be repeated gives to the files of every version.
    """
    for package in _PACKAGES:
        for folder in package.__path__:
            # An editor's lock is a link to nothing.
            for file in filter(Path.is_file, sorted(Path(folder).rglob("*.py"))):
                yield str(file), hashlib.sha256(file.read_bytes()).hexdigest()


def _sealed(digest: str, found: str) -> str:
    """Return the first line of the file: a digest of what was judged and of what was found."""
    return json.dumps(hashlib.sha256(f"{digest}{found}".encode()).hexdigest())


def _document(registry: Registry) -> Mapping[str, Any]:
    """Return what was found, as the file has it."""
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
    """Return the registry of the file, None if it is of something else or was changed."""
    try:
        sealed, _, found = path.read_text(encoding="utf-8").partition("\n")
    except (OSError, ValueError):
        return None
    if sealed != _sealed(digest, found):
        return None
    document = json.loads(found)
    masters = {master.job_id: master for master in rows.masters}
    specs = [KeptSpec.of(masters[each["job_id"]], each, data_root) for each in document["jobs"]]
    return Registry(
        jobs={spec.job_name: spec for spec in specs},
        findings=tuple(Finding(**finding) for finding in document["findings"]),
        name_by_id={spec.job_id: spec.job_name for spec in specs},
        quarantined=document["quarantined"],
    )
