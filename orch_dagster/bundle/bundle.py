"""A job's parameters for one run: assembled from rows, written as JSON, atomically."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from framework.contract.params_file import VERSION
from orch_dagster.control.records import JobDependency, ProcessControl, SysParam
from orch_dagster.control.tables import PROCESS_CONTROL
from orch_dagster.errors import NotReadyError
from orch_dagster.files import write_atomically
from orch_dagster.registry.jobs import JobSpec


@dataclass(frozen=True)
class ParamBundle:
    """Everything a job is told.

    Attributes:
        spec: The job.
        run_id: Dagster's run id.
        biz_dts: The run's business dates that are open, oldest first; at least one.
        skipped: Dates of the run's range that are not open.
        environment: ORCH_ENV.
        generated_at: When the rows were read, UTC.
        dependencies: The job's rows of job_dependency.
        process_control: The run's dates, then the others of its group, newest first.
        sys_params: The rows that hold for this job, the winning one of each param_key.
    """

    spec: JobSpec
    run_id: str
    biz_dts: tuple[str, ...]
    environment: str
    generated_at: datetime
    dependencies: tuple[JobDependency, ...]
    process_control: tuple[ProcessControl, ...]
    sys_params: tuple[SysParam, ...]
    skipped: tuple[str, ...] = ()

    def params_of_type(self, param_type: str) -> dict[str, str]:
        """param_key to param_value of the sys_params of one type."""
        return values_of_type(self.sys_params, param_type)

    def without(self, biz_dts: Collection[str]) -> ParamBundle:
        """The bundle of the run's other dates."""
        return replace(self, biz_dts=tuple(day for day in self.biz_dts if day not in biz_dts))

    def to_json(self) -> str:
        """The bundle as the job reads it."""
        spec = self.spec
        document: dict[str, Any] = {
            "metadata": {
                "job_id": spec.job_id,
                "job_name": spec.job_name,
                "run_id": self.run_id,
                "biz_dt": self.biz_dts[0],
                "biz_dts": list(self.biz_dts),
                "environment": self.environment,
                "generated_at": _iso(self.generated_at),
                "version": VERSION,
            },
            "job_master": {
                "job_id": spec.job_id,
                "job_name": spec.job_name,
                "context_params": spec.context.to_json(),
                "script_path": spec.script_path,
                "comments": spec.comments,
            },
            "job_dependency": [row.to_row() for row in self.dependencies],
            "process_control": [row.to_row() for row in self.process_control],
            "sys_params": [row.to_row() for row in self.sys_params],
        }
        return json.dumps(document, ensure_ascii=False, indent=2, default=_iso) + "\n"


def _iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


@dataclass(frozen=True)
class BundleRequest:
    """Who asks for a bundle, and for what.

    Attributes:
        run_id: Dagster's run id.
        wanted: The run's business dates, oldest first. One must be open; of several, those that
            are not are skipped.
        environment: ORCH_ENV.
        generated_at: When the rows were read.
    """

    run_id: str
    wanted: Sequence[str]
    environment: str
    generated_at: datetime


@dataclass(frozen=True)
class BundleRows:
    """The rows that a bundle is made of.

    Attributes:
        dependencies: The job's.
        process_control: Those of the job's group, this run's already stamped.
        sys_params: Those of the environment, for the job, its group and ``*``.
    """

    dependencies: Iterable[JobDependency]
    process_control: Sequence[ProcessControl]
    sys_params: Iterable[SysParam]


def assemble(spec: JobSpec, request: BundleRequest, rows: BundleRows) -> ParamBundle:
    """Put the bundle of a job together.

    Raises:
        NotReadyError: No wanted date is open; names the key and the command that opens it.
    """
    wanted, process_control = request.wanted, rows.process_control
    is_open = {row.biz_dt for row in process_control}
    biz_dts = tuple(biz_dt for biz_dt in wanted if biz_dt in is_open)
    if not biz_dts:
        raise NotReadyError(_not_open(spec, wanted))
    of_run = set(biz_dts)
    newest_first = sorted(process_control, key=lambda row: row.biz_dt, reverse=True)
    return ParamBundle(
        spec=spec,
        run_id=request.run_id,
        biz_dts=biz_dts,
        environment=request.environment,
        generated_at=request.generated_at,
        dependencies=tuple(rows.dependencies),
        process_control=(
            *(row for row in reversed(newest_first) if row.biz_dt in of_run),
            *(row for row in newest_first if row.biz_dt not in of_run),
        ),
        sys_params=tuple(winning_params(spec.key_names, rows.sys_params)),
        skipped=tuple(biz_dt for biz_dt in wanted if biz_dt not in is_open),
    )


def _not_open(spec: JobSpec, wanted: Sequence[str]) -> str:
    group = spec.group
    key = PROCESS_CONTROL.key_text({**group.columns, "biz_dt": wanted[0]})
    if len(wanted) > 1:
        key += f" … {wanted[-1]}"
    return (
        f"the business date is not open: {PROCESS_CONTROL.name} has no row {key}; "
        f"open it with `orch open {group.entity} {group.source_system} {wanted[0]}`"
    )


def winning_params(key_names: Sequence[str], rows: Iterable[SysParam]) -> list[SysParam]:
    """Return the row of each param_key whose key_name comes first.

    Args:
        key_names: Those that hold, the narrowest first: job, group, ``*``.
        rows: Any rows of sys_params.
    """
    breadth = {name: place for place, name in enumerate(key_names)}
    best: dict[str, SysParam] = {}
    for row in rows:
        if row.key_name not in breadth:
            continue
        there = best.get(row.param_key)
        if there is None or breadth[row.key_name] < breadth[there.key_name]:
            best[row.param_key] = row
    return [best[key] for key in sorted(best)]


def values_of_type(rows: Iterable[SysParam], param_type: str) -> dict[str, str]:
    """param_key to param_value of the rows of one type."""
    return {row.param_key: row.param_value or "" for row in rows if row.param_type == param_type}


def waiting_dates(
    spec: JobSpec,
    biz_dts: Sequence[str],
    parents: Mapping[str, str],
    completed: Collection[tuple[str, str]],
) -> dict[str, str]:
    """The dates that a job cannot land yet: parents outside its run have not completed them.

    Args:
        spec: The job.
        biz_dts: Dates of the run.
        parents: job_id to job_name of the parents that are not in the run.
        completed: (job_id, biz_dt) of the Completed rows of execution_log.

    Returns:
        For each such date a sentence that names the parents and the commands that run them.
    """
    waiting: dict[str, str] = {}
    for biz_dt in biz_dts:
        missing = [
            f"{name} ({job_id}) has not completed {biz_dt}: run it with "
            f"`orch run {name} --biz-dt {biz_dt}`"
            for job_id, name in sorted(parents.items())
            if (job_id, biz_dt) not in completed
        ]
        if missing:
            waiting[biz_dt] = f"{spec.job_name} waits for its parents: {'; '.join(missing)}"
    return waiting


def write_bundle(bundle: ParamBundle, params_dir: Path) -> Path:
    """Write the run's own copy and the newest one.

    Args:
        bundle: What to write.
        params_dir: ``params/``.

    Returns:
        ``<params_dir>/<run_id>/<job_name>.json``, the copy the job reads.
    """
    text = bundle.to_json()
    name = f"{bundle.spec.job_name}.json"
    own = params_dir / bundle.run_id / name
    # The job's messages are there too, before secrets are taken out of them.
    own.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in (own, params_dir / name):
        write_atomically(path, text)
    return own
