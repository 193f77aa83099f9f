"""Load the parameters of a step that has begun, without a Dagster context."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import dagster as dg

from framework.contract.visible import visible
from orch_dagster.bundle.bundle import ParamBundle, write_bundle
from orch_dagster.bundle.fetch import (
    dates_without_parents,
    fetch_bundle,
    fetch_secret_rows,
    stamp_dates,
    with_stamp,
)
from orch_dagster.bundle.redact import redact_bundle
from orch_dagster.bundle.retries import retries_of
from orch_dagster.control.completions import runs_without_end
from orch_dagster.control.records import SysParam
from orch_dagster.control.store import ControlStore, with_retries
from orch_dagster.defs.step.attempt import retries_last_time
from orch_dagster.defs.step.begun import BegunStep, StepParams
from orch_dagster.errors import NotReadyError, OrchError, TransientStoreError
from orch_dagster.files import fault_text
from orch_dagster.settings import Settings


def load_params(step: BegunStep, store: ControlStore, settings: Settings) -> BegunStep:
    """Stamp the run on its dates, read their parameters, and write them for the job.

    Returns:
        The step with its parameters and its retries.

    Raises:
        dagster.Failure: If there are no parameters; the row of execution_log has the message too.
        dagster.RetryRequested: If the store did not answer and sys_params allow another attempt.
    """
    try:
        return _load(step, store, settings)
    except (OrchError, OSError) as error:
        raise _failed(step, settings, error) from error
    except BaseException as error:
        step.report_crash(error)
        raise


def _load(step: BegunStep, store: ControlStore, settings: Settings) -> BegunStep:
    if step.request.fault:
        raise step.request.fault
    rows = with_retries(lambda: _read(step, store, settings), warn=step.warn)
    bundle = rows.bundle
    # Whoever opened the date, its landing is a partition of the asset.
    open_dates = [row.biz_dt for row in bundle.process_control]
    step.reporter.add_open_dates(step.request.spec.group, open_dates)
    ready = bundle.without(rows.waiting)
    if not ready.biz_dts:
        raise NotReadyError("; ".join(rows.waiting.values()))
    attempt = replace(step.attempt, retries=retries_of(ready.sys_params))
    redacted = redact_bundle(ready, settings.secret_patterns)
    path = write_bundle(redacted.bundle, settings.params_dir)
    if len(step.request.biz_dts) > 1:
        step.writer.start(bundle.biz_dts)
    if bundle.skipped:
        step.warn(f"skipped, because they are not open: {', '.join(bundle.skipped)}")
    if rows.waiting:
        step.writer.fail(rows.waiting)
    loaded = StepParams(redacted, path, rows.secret_rows, rows.runs_without_end)
    return replace(step, attempt=attempt, loaded=loaded)


class _Rows(NamedTuple):
    """The rows that a step reads of the store.

    Attributes:
        bundle: The bundle.
        waiting: Why dates of it wait for parents outside the run.
        secret_rows: All secret rows.
        runs_without_end: Other runs of the dates that may not have ended.
    """

    bundle: ParamBundle
    waiting: dict[str, str]
    secret_rows: list[SysParam]
    runs_without_end: frozenset[str]


def _read(step: BegunStep, store: ControlStore, settings: Settings) -> _Rows:
    request, wanted = step.request, step.writer.report.biz_dts
    stamped_at = stamp_dates(store, request.spec, request.run_id, wanted)
    bundle = fetch_bundle(
        store, request.spec, run_id=request.run_id, wanted=wanted, environment=settings.env
    )
    outside = request.parents_outside
    waiting = dates_without_parents(store, request.spec, outside, bundle.biz_dts)
    others = runs_without_end(store, request.spec.job_id, bundle.biz_dts) - {request.run_id}
    return _Rows(with_stamp(bundle, stamped_at), waiting, fetch_secret_rows(store), others)


def _failed(step: BegunStep, settings: Settings, error: OrchError | OSError) -> Exception:
    """Report that there are no parameters, close the log and return what to raise."""
    reason, attempt = fault_text(error), step.attempt
    if isinstance(error, TransientStoreError):
        retries = retries_last_time(settings.params_dir, step.job_name)
        attempt = replace(attempt, retries=retries)
    try:
        if attempt.may_retry:
            text, to_raise = attempt.next(reason)
            step.warn(text)
        else:
            to_raise = dg.Failure(visible(reason), metadata=step.log_metadata, allow_retries=False)
            step.writer.end_all("failed", reason)
            step.run_log.write("ERROR", "orch", reason)
    finally:
        step.close_log()
    return to_raise
