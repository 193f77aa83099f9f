"""The rows of the control tables that a test needs, from the files of `orch apply`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from orch_dagster.bundle.bundle import (
    BundleRequest,
    BundleRows,
    ParamBundle,
    assemble,
)
from orch_dagster.control.key_names import values_of_type
from orch_dagster.control.open_dates import newest_row, opened_row
from orch_dagster.control.records import JobDependency, JobMaster, ProcessControl, SysParam
from orch_dagster.control.tables import (
    JOB_DEPENDENCY,
    JOB_MASTER,
    PROCESS_CONTROL,
    SYS_PARAMS,
    TABLE_BY_NAME,
    Row,
    check_rows,
)
from orch_dagster.registry.context_params import (
    ContextParamsError,
    Sink,
    Source,
    parse_context_params,
)
from orch_dagster.registry.jobs import JobSpec, build_registry, script_check
from orch_dagster.registry.row_files import read_files
from orch_dagster.settings import Settings
from orch_dagster.testing.errors import KitError

Rows = Mapping[str, Sequence[Row]]

_SPARK = "spark"


def read_rows(registry: Sequence[Path | Rows]) -> dict[str, list[Row]]:
    """Return the rows of files and mappings by table name.

    Raises:
        KitError: If files can't be read or are not a registry; it names all.
        RowError: If values do not fit their columns; it names all of a table.
    """
    files = [each for each in registry if isinstance(each, Path)]
    if missing := [str(file) for file in files if not file.is_file()]:
        raise KitError(f"landing_registry: no such file: {', '.join(missing)}")
    content = read_files(files)
    if content.problems:
        raise KitError("landing_registry:\n" + "\n".join(f"  {each}" for each in content.problems))
    rows = content.rows()
    for each in registry:
        if not isinstance(each, Path):
            for name, table_rows in each.items():
                rows.setdefault(name, []).extend(table_rows)
    for name, table_rows in rows.items():
        if name not in TABLE_BY_NAME:
            known = ", ".join(TABLE_BY_NAME)
            raise KitError(f"landing_registry: unknown table {name}; known: {known}")
        check_rows(TABLE_BY_NAME[name], table_rows)
    return rows


@dataclass(frozen=True)
class JobRows:
    """A job and the rows of the registry.

    Attributes:
        spec: The job.
        has_script: False if the test gives the job's context_params and no row has its script.
        rows: All rows by table name.
    """

    spec: JobSpec
    has_script: bool
    rows: Rows

    def with_places(self, sources: Sequence[Source], sinks: Sequence[Sink]) -> JobRows:
        """Return the same job with other sources and sinks."""
        context = replace(self.spec.context, sources=tuple(sources), sinks=tuple(sinks))
        return replace(self, spec=replace(self.spec, context=context))

    def bundle(
        self,
        *,
        run_id: str,
        biz_dt: str,
        environment: str,
        process_control: Mapping[str, str | None],
        sys_params: Mapping[str, str],
    ) -> ParamBundle:
        """Return the bundle that a run of the job would get if the date were open.

        Args:
            run_id: The run.
            biz_dt: The date.
            environment: ORCH_ENV.
            process_control: Columns of the date's row that the test gives.
            sys_params: param_key to param_value that the test gives.
        """
        group = self.spec.group
        dates = [
            date
            for date in map(ProcessControl.from_row, self.rows.get(PROCESS_CONTROL.name, ()))
            if date.group == group
        ]
        of_date = next((row for row in dates if row.biz_dt == biz_dt), None)
        opened = of_date or opened_row(group, biz_dt, newest_row(dates))
        now = datetime.now(timezone.utc)
        stamped = {**process_control, "run_id": run_id, "last_update_ts": now}
        check_rows(PROCESS_CONTROL, [{**opened.to_row(), **stamped}])
        given = [
            SysParam(key, environment, self.spec.job_name, value, _param_type(key))
            for key, value in sys_params.items()
        ]
        return assemble(
            self.spec,
            BundleRequest(
                run_id=run_id, wanted=[biz_dt], environment=environment, generated_at=now
            ),
            BundleRows(
                dependencies=[
                    JobDependency.from_row(row)
                    for row in self.rows.get(JOB_DEPENDENCY.name, ())
                    if row.get("dependent_job_id") == self.spec.job_id
                ],
                process_control=[
                    replace(opened, **stamped),
                    *(row for row in dates if row.biz_dt != biz_dt),
                ],
                # The first of equals wins.
                sys_params=[*given, *_sys_params(self.rows, environment)],
            ),
        )


def job_rows(
    rows: Rows, job_name: str, context: Mapping[str, Any] | None, settings: Settings
) -> JobRows:
    """Return the job of a name.

    Args:
        rows: All rows by table name.
        job_name: Its job_name.
        context: context_params in place of the row's; with them, the job needs no row.
        settings: The settings, which have the folder of scripts.

    Raises:
        KitError: If the job does not exist, or its row has faults; it names all.
    """
    masters = [JobMaster.from_row(row) for row in rows.get(JOB_MASTER.name, ())]
    row = next((master for master in masters if master.job_name == job_name), None)
    if row is None and context is None:
        names = ", ".join(sorted(master.job_name or "" for master in masters)) or "none"
        raise KitError(
            f"no job {job_name} among those of landing_registry ({names}): override that fixture "
            "with your files, or give the job's context_params as context="
        )
    if row is None:
        return JobRows(_ad_hoc(job_name, context or {}), False, rows)
    if context is not None:
        row = replace(row, context_params=json.dumps(context))
    masters = [row if master.job_name == job_name else master for master in masters]
    # Without dependencies, so that a job can be tested without its parents' rows.
    check = script_check(settings.jobs_path, settings.script_url_prefixes)
    registry = build_registry(masters, (), check)
    if job_name not in registry.jobs:
        faults = [str(each) for each in registry.findings if each.job_id == row.job_id]
        raise KitError("\n".join(faults))
    return JobRows(registry.jobs[job_name], True, rows)


def _ad_hoc(job_name: str, context: Mapping[str, Any]) -> JobSpec:
    try:
        parsed = parse_context_params(json.dumps(context), job_name)
    except ContextParamsError as error:
        raise KitError(f"context of {job_name}: {error}") from error
    return JobSpec("JOB_KIT", job_name, parsed, "landing.py")


def properties_of_all(
    rows: Rows, environment: str, sys_params: Mapping[str, str]
) -> dict[str, str]:
    """Return the Spark properties that sys_params has for all jobs, and those of the test."""
    of_all = (row for row in _sys_params(rows, environment) if row.key_name == "*")
    given = {key: value for key, value in sys_params.items() if _param_type(key) == _SPARK}
    return values_of_type(of_all, _SPARK) | given


def _param_type(key: str) -> str:
    # Spark refuses a property of another name.
    return _SPARK if key.startswith("spark.") else "system"


def _sys_params(rows: Rows, environment: str) -> list[SysParam]:
    records = map(SysParam.from_row, rows.get(SYS_PARAMS.name, ()))
    return [row for row in records if row.environment == environment]
