"""The param-bundle IO manager: a job's parameters, read fresh as its op's input."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import dagster as dg
from dagster import RunRecord, StepExecutionContext

from orch_dagster.bundle.bundle import ParamBundle, write_bundle
from orch_dagster.bundle.fetch import dates_without_parents, fetch_bundle, stamp_dates, with_stamp
from orch_dagster.bundle.redact import seal
from orch_dagster.bundle.retries import retries_of
from orch_dagster.control.store import ControlStore, with_retries
from orch_dagster.defs.partitions import biz_dts_of
from orch_dagster.defs.resources import store_of
from orch_dagster.defs.step.attempt import Attempt, attempt_of, retries_last_time
from orch_dagster.defs.step.log_link import show_run_log
from orch_dagster.defs.step.log_writer import ExecutionLogWriter
from orch_dagster.defs.translator import CONTROL_STORE_KEY
from orch_dagster.errors import NotReadyError, OrchError, TransientStoreError
from orch_dagster.registry.jobs import JobSpec
from orch_dagster.registry.location import Location
from orch_dagster.run_log import RunLog, run_log_path


@dataclass(frozen=True)
class LoadedBundle:
    """What the op of a job receives.

    Attributes:
        bundle: The parameters.
        params_file: The run's own copy, for the job, sealed.
        log_writer: Where the step says what it does; Started is said.
        run_log: The run's log file.
        log_metadata: Where that is, for what the step reports.
        attempt: Which one it is.
    """

    bundle: ParamBundle
    params_file: Path
    log_writer: ExecutionLogWriter
    run_log: RunLog
    log_metadata: Mapping[str, dg.MetadataValue[Any]]
    attempt: Attempt


@dataclass(frozen=True)
class _Begun:
    """A step that has begun, and where it says what becomes of it."""

    log_writer: ExecutionLogWriter
    run_log: RunLog
    log_metadata: Mapping[str, dg.MetadataValue[Any]]
    attempt: Attempt
    warn: Callable[[str], None]


class ParamBundleIOManager(dg.IOManager):
    """Loads the bundle of a job for the run that asks; the only reader of it.

    Args:
        location: The code location's registry and settings.
        store: The control store.
    """

    def __init__(self, location: Location, store: ControlStore) -> None:
        self._location = location
        self._store = store

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        """Nothing: what a job lands is published by the job itself."""

    def load_input(self, context: dg.InputContext) -> LoadedBundle:
        """Stamp the run on its dates, read the parameters, write them for the job.

        Raises:
            dagster.Failure: With the one sentence to read; the row of execution_log has it too.
            dagster.RetryRequested: The store did not answer, and sys_params allow another attempt.
        """
        step = context.step_context
        spec = self._location.registry.jobs[step.step.node_handle.name]
        wanted, fault = _wanted(step)
        begun = self._begin(step, spec, wanted)
        try:
            if fault:
                raise fault
            read, waiting = with_retries(
                lambda: self._read(spec, step, begun.log_writer.report.biz_dts), warn=begun.warn
            )
            bundle = read.without(waiting)
            if not bundle.biz_dts:
                raise NotReadyError("; ".join(waiting.values()))
            attempt = replace(begun.attempt, retries=retries_of(bundle.sys_params))
            settings = self._location.settings
            path = write_bundle(seal(bundle, settings.secret_patterns).bundle, settings.params_dir)
        except (OrchError, OSError) as error:
            raise self._failed(spec, begun, error) from error
        if len(wanted) > 1:
            begun.log_writer.start(read.biz_dts)
        if read.skipped:
            begun.warn(f"skipped, because they are not open: {', '.join(read.skipped)}")
        if waiting:
            begun.log_writer.fail(waiting)
        return LoadedBundle(
            bundle, path, begun.log_writer, begun.run_log, begun.log_metadata, attempt
        )

    def _begin(self, step: StepExecutionContext, spec: JobSpec, wanted: tuple[str, ...]) -> _Begun:
        """Say that the step has begun.

        Raises:
            dagster.Failure: The log file cannot be written.
        """
        record = _record_of(step)
        attempt = attempt_of(step, record, spec.job_name)
        left = attempt.remaining(wanted)

        def said(warn: Callable[[str], None]) -> ExecutionLogWriter:
            log = ExecutionLogWriter(
                step.instance,
                record,
                self._store,
                warn,
                spec,
                left,
                attempt.number,
                attempt.said,
            )
            if len(wanted) == 1:
                # Of several, those that are not open are skipped: their rows wait for the rows.
                log.start()
            return log

        path = run_log_path(self._location.settings.logs_dir, step.run_id, record.create_timestamp)
        try:
            run_log = RunLog(path)
        except OSError as error:
            said(step.log.warning).end_all("failed", str(error))
            raise dg.Failure(str(error), allow_retries=False) from error

        def warn(text: str) -> None:
            step.log.warning(text)
            run_log.write("WARN", "orch", text)

        log_writer = said(warn)
        of_log = show_run_log(step.instance, step.dagster_run, spec.job_name, path)
        run_log.write("INFO", "orch", f"{spec.job_name} started for {', '.join(left)}")
        return _Begun(log_writer, run_log, of_log, attempt, warn)

    def _failed(self, spec: JobSpec, begun: _Begun, error: OrchError | OSError) -> Exception:
        """Say that the parameters could not be had, and return what to raise."""
        reason, attempt = str(error), begun.attempt
        if isinstance(error, TransientStoreError):
            last = retries_last_time(self._location.settings.params_dir, spec.job_name)
            attempt = replace(attempt, retries=last)
        if attempt.may_retry:
            said, to_raise = attempt.next(reason)
            begun.warn(said)
        else:
            to_raise = dg.Failure(reason, metadata=begun.log_metadata, allow_retries=False)
            begun.log_writer.end_all("failed", reason)
            begun.run_log.write("ERROR", "orch", reason)
        begun.run_log.close()
        return to_raise

    def _read(
        self, spec: JobSpec, step: StepExecutionContext, wanted: tuple[str, ...]
    ) -> tuple[ParamBundle, dict[str, str]]:
        """The bundle, and which of its dates wait for parents outside the run."""
        stamped_at = stamp_dates(self._store, spec, step.run_id, wanted)
        bundle = fetch_bundle(
            self._store,
            spec,
            run_id=step.run_id,
            wanted=wanted,
            environment=self._location.settings.env,
        )
        in_run = set(step.dagster_run.step_keys_to_execute or step.job_def.graph.node_names())
        parents = self._location.registry.parents_of(spec)
        outside = [parent for parent in parents if parent.job_name not in in_run]
        waiting = dates_without_parents(self._store, spec, outside, bundle.biz_dts)
        return with_stamp(bundle, stamped_at), waiting


def _wanted(step: StepExecutionContext) -> tuple[tuple[str, ...], NotReadyError | None]:
    """The run's dates; where they cannot be had, what the row says instead, and why."""
    try:
        return biz_dts_of(step.dagster_run), None
    except NotReadyError as error:
        return ("",), error


def _record_of(step: StepExecutionContext) -> RunRecord:
    record = step.instance.get_run_record_by_id(step.run_id)
    if record is None:
        raise NotReadyError(f"run {step.run_id} is not in Dagster's instance; was it deleted?")
    return record


def param_bundle_io_manager(location: Location) -> dg.IOManagerDefinition:
    """The IO manager's definition; it stands on the control-store resource."""

    @dg.io_manager(required_resource_keys={CONTROL_STORE_KEY})
    def param_bundle(init_context: dg.InitResourceContext) -> ParamBundleIOManager:
        resource = getattr(init_context.resources, CONTROL_STORE_KEY)
        return ParamBundleIOManager(location, store_of(resource))

    return param_bundle
