"""The rows of a job's bundle, read from the control store."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timezone

from framework.contract.secret_names import PARAM_TYPE as SECRET_TYPE
from orch_dagster.bundle.bundle import (
    BundleRequest,
    BundleRows,
    ParamBundle,
    assemble,
    waiting_dates,
)
from orch_dagster.control.completions import completed
from orch_dagster.control.key_names import values_of_type, winning_params
from orch_dagster.control.records import JobDependency, ProcessControl, SysParam, read_records
from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import (
    JOB_MASTER,
    PROCESS_CONTROL,
    SYS_PARAMS,
    Row,
)
from orch_dagster.errors import NotReadyError
from orch_dagster.registry.jobs import JobSpec


def fetch_bundle(
    store: ControlStore,
    spec: JobSpec,
    *,
    run_id: str,
    wanted: Sequence[str],
    environment: str,
) -> ParamBundle:
    """Read the rows of a job as they are now, and assemble its bundle.

    Args:
        store: The control store.
        spec: The job.
        run_id: The run that the bundle is for.
        wanted: Its business dates, oldest first.
        environment: ORCH_ENV.

    Raises:
        NotReadyError: If the job's row is missing, no date is open, or a setting can't be used.
        StoreError: If the store can't be read.
    """
    if not store.read(JOB_MASTER, {"job_id": spec.job_id}, columns=["job_id"]):
        raise NotReadyError(
            f"{JOB_MASTER.name} no longer has the row job_id={spec.job_id} ({spec.job_name}); "
            f"reload the code location"
        )
    dependencies = read_records(store, JobDependency, {"dependent_job_id": spec.job_id})
    params = _sys_params(store, spec, environment)
    dates = store.read_stored(PROCESS_CONTROL, spec.group.columns)
    dates.warn()
    return assemble(
        spec,
        BundleRequest(
            run_id=run_id,
            wanted=wanted,
            environment=environment,
            generated_at=datetime.now(timezone.utc),
        ),
        BundleRows(
            dependencies=dependencies,
            process_control=[ProcessControl.from_row(row) for row in dates.rows],
            sys_params=params,
            set_aside=dates.bad,
        ),
    )


def fetch_spark_properties(store: ControlStore, spec: JobSpec, environment: str) -> dict[str, str]:
    """Fetch the Spark properties of a job, without those that are secrets.

    Raises:
        StoreError: If the store can't be read.
    """
    return values_of_type(fetch_sys_params(store, spec, environment), "spark")


def fetch_sys_params(store: ControlStore, spec: JobSpec, environment: str) -> list[SysParam]:
    """Fetch the sys_params that apply to a job.

    Raises:
        StoreError: If the store can't be read.
    """
    return winning_params(spec.key_names, _sys_params(store, spec, environment))


def fetch_secret_rows(store: ControlStore) -> list[SysParam]:
    """Fetch the rows of param_type secret of every job and environment.

    Raises:
        StoreError: If the store can't be read.
    """
    return read_records(store, SysParam, {"param_type": SECRET_TYPE})


def stamp_dates(store: ControlStore, spec: JobSpec, run_id: str, wanted: Sequence[str]) -> datetime:
    """Write this run's id and the time into the process_control rows of the dates.

    Returns:
        The time that was written.
    """
    now = datetime.now(timezone.utc)
    stamp: Row = {"run_id": run_id, "last_update_ts": now}
    store.update(
        PROCESS_CONTROL, [{**spec.group.columns, "biz_dt": day, **stamp} for day in wanted]
    )
    return now


def with_stamp(bundle: ParamBundle, at: datetime) -> ParamBundle:
    """Return the bundle with its own run's stamp, whichever run stamped the rows last."""
    biz_dts = set(bundle.biz_dts)
    return replace(
        bundle,
        process_control=tuple(
            replace(row, run_id=bundle.run_id, last_update_ts=at) if row.biz_dt in biz_dts else row
            for row in bundle.process_control
        ),
    )


def dates_without_parents(
    store: ControlStore, spec: JobSpec, parents: Collection[JobSpec], biz_dts: Sequence[str]
) -> dict[str, str]:
    """Find the dates that the parents outside the run have not completed, as waiting_dates does."""
    names = {parent.job_id: parent.job_name for parent in parents}
    return waiting_dates(spec, biz_dts, names, completed(store, names, biz_dts))


def _sys_params(store: ControlStore, spec: JobSpec, environment: str) -> list[SysParam]:
    """Read the environment's rows for the job, its group and ``*``.

    Raises:
        NotReadyError: If a row for the job or its group can't be used. One for all jobs is only
            set aside: it would stop every job.
    """
    where = {"environment": environment, "key_name": spec.key_names}
    stored = store.read_stored(SYS_PARAMS, where)
    stored.warn()
    if own := [row for row in stored.bad if row.text("key_name") != "*" and row.text("param_key")]:
        raise NotReadyError(
            f"{'; '.join(map(str, own))}. The job does not run without its setting: write the row "
            f"anew, or remove it (`orch doctor` names the command)"
        )
    return [SysParam.from_row(row) for row in stored.rows]
