"""A job's parameters for one run: assembled from rows, written as JSON, atomically."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from framework.contract.params_file import VERSION
from orch_dagster.control.key_names import values_of_type, winning_params
from orch_dagster.control.open_dates import not_open_text
from orch_dagster.control.records import JobDependency, ProcessControl, SysParam
from orch_dagster.control.stored_rows import BadRow
from orch_dagster.errors import NotReadyError
from orch_dagster.files import make_private, write_atomically
from orch_dagster.registry.jobs import JobSpec


@dataclass(frozen=True)
class ParamBundle:
    """All parameters of a job for one run.

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
        """Return param_key to param_value of the sys_params of one type."""
        return values_of_type(self.sys_params, param_type)

    def without(self, biz_dts: Collection[str]) -> ParamBundle:
        """Return a copy of the bundle without these dates."""
        return replace(self, biz_dts=tuple(day for day in self.biz_dts if day not in biz_dts))

    def to_json(self) -> str:
        """Return the JSON that the job reads."""
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
    """The run and the dates that a bundle is for.

    Attributes:
        run_id: Dagster's run id.
        wanted: The run's business dates, oldest first. At least one must be open; the others are
            skipped.
        environment: ORCH_ENV.
        generated_at: When the rows were read.
    """

    run_id: str
    wanted: Sequence[str]
    environment: str
    generated_at: datetime


@dataclass(frozen=True)
class BundleRows:
    """The rows that a bundle is assembled from.

    Attributes:
        dependencies: The job's rows of job_dependency.
        process_control: The rows of the job's group; this run's dates are already stamped.
        sys_params: The environment's rows for the job, its group and ``*``.
        set_aside: Rows of process_control that can't be used.
    """

    dependencies: Iterable[JobDependency]
    process_control: Sequence[ProcessControl]
    sys_params: Iterable[SysParam]
    set_aside: Sequence[BadRow] = ()


def assemble(spec: JobSpec, request: BundleRequest, rows: BundleRows) -> ParamBundle:
    """Assemble the bundle of a job.

    Raises:
        NotReadyError: If no wanted date is open; names the key and the command that opens it.
    """
    wanted, process_control = request.wanted, rows.process_control
    is_open = {row.biz_dt for row in process_control}
    biz_dts = tuple(biz_dt for biz_dt in wanted if biz_dt in is_open)
    if not biz_dts:
        raise NotReadyError(not_open_text(spec.group, wanted, rows.set_aside))
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


def waiting_dates(
    spec: JobSpec,
    biz_dts: Sequence[str],
    parents: Mapping[str, str],
    completed: Collection[tuple[str, str]],
) -> dict[str, str]:
    """Return the dates that a job can't land yet, as parents outside its run miss them.

    Args:
        spec: The job.
        biz_dts: Dates of the run.
        parents: job_id to job_name of the parents that are not in the run.
        completed: (job_id, biz_dt) of the Completed rows of execution_log.

    Returns:
        Each such date, with a sentence that names the parents and the commands that run them.
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


def run_folder(params_dir: Path, run_id: str) -> Path:
    """Create the folder of a run's parameters and messages, and return it.

    Only its owner can read it, as messages are not redacted yet.
    """
    folder = params_dir / run_id
    make_private(params_dir)
    make_private(folder)
    return folder


def write_bundle(bundle: ParamBundle, params_dir: Path) -> Path:
    """Write the bundle twice: the run's own copy and the newest one.

    Args:
        bundle: A redacted bundle.
        params_dir: ``params/``.

    Returns:
        ``<params_dir>/<run_id>/<job_name>.json``, the copy the job reads.
    """
    text = bundle.to_json()
    name = f"{bundle.spec.job_name}.json"
    run_copy = run_folder(params_dir, bundle.run_id) / name
    for path in (run_copy, params_dir / name):
        write_atomically(path, text)
    return run_copy
