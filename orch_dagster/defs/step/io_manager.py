"""The param-bundle IO manager: a job's parameters, read fresh as its op's input."""

from __future__ import annotations

import logging
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

import dagster as dg
from dagster import RunRecord

from framework.contract.visible import visible
from orch_dagster.control.group import GroupKey
from orch_dagster.control.store import ControlStore
from orch_dagster.defs.dagster_internals.op_ports import NO_CONFIG
from orch_dagster.defs.dagster_internals.step_context import CurrentStep, current_step
from orch_dagster.defs.instance_owner import owner_warning
from orch_dagster.defs.open_partitions import add_open_dates
from orch_dagster.defs.partitions import biz_dts_of
from orch_dagster.defs.resources import store_of
from orch_dagster.defs.runs.history import report_step
from orch_dagster.defs.runs.kept_reports import STORAGE_ERRORS, KeptReports
from orch_dagster.defs.step.attempt import attempt_of
from orch_dagster.defs.step.begun import BegunStep, LogMetadata, StepRequest, begin_step
from orch_dagster.defs.step.load_params import load_params
from orch_dagster.defs.step.log_link import show_run_log
from orch_dagster.defs.translator import CONTROL_STORE_KEY
from orch_dagster.errors import NotReadyError
from orch_dagster.execution_log import StepReport
from orch_dagster.files import os_fault
from orch_dagster.registry.jobs import Registry
from orch_dagster.registry.location import Location
from orch_dagster.settings import Settings

_LOG = logging.getLogger("orch_dagster")


class ParamBundleIOManager(dg.IOManager):
    """Loads the parameters of a job for a run; nothing else reads them.

    Args:
        location: The code location's registry and settings.
        store: The control store.
    """

    def __init__(self, location: Location, store: ControlStore) -> None:
        self._location = location
        self._store = store

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        """Store nothing, as the job itself publishes what it lands."""

    def load_input(self, context: dg.InputContext) -> BegunStep:
        """Begin the step and load its parameters; `load_params` says what it raises."""
        current, settings = current_step(context), self._location.settings
        request = step_request(current, self._location.registry)
        reporter = DagsterReporter(current, settings, len(request.biz_dts))
        step = begin_step(request, reporter, self._store, settings)
        reporter.warn_of_instance(self._location.store_address)
        return load_params(step, self._store, settings)


class DagsterReporter:
    """A StepReporter that writes into Dagster's instance.

    If the instance can't be written, its disk being full or its storage deleted, the reports are
    kept in a file, from which the sensor and `orch log rebuild` write them later.

    Args:
        step: The step.
        settings: The settings of the home.
        dates: How many dates the step lands.
    """

    def __init__(self, step: CurrentStep, settings: Settings, dates: int) -> None:
        self._step = step
        self._settings = settings
        self._is_unusable = False
        self._kept: KeptReports | None = None
        # Without it, the step fails by itself where it writes its parameters.
        with suppress(OSError):
            self._kept = KeptReports(
                settings.kept_reports_dir, step.run.run_id, step.op_name, dates
            )

    def report(self, report: StepReport, message: str) -> None:
        """Write the report into the run's event log, at once; keep it if that fails."""
        try:
            report_step(self._step.instance, self._step.run, report, message)
        except STORAGE_ERRORS:
            self._is_unusable = True
            self._keep(report)

    def _keep(self, report: StepReport) -> None:
        if self._kept is None:
            return
        try:
            self._kept.keep(report)
        except OSError as error:
            # The row of execution_log may still be written: its store is another.
            _LOG.warning(
                "a report of %s can't be kept: %s", visible(report.job_name), os_fault(error)
            )

    def warn(self, text: str) -> None:
        """Show a warning among the step's lines."""
        if self._is_unusable:
            # Nobody could read it there; the run's log has it.
            return
        try:
            self._step.log.warning(visible(text))
        except STORAGE_ERRORS:
            self._is_unusable = True

    def warn_of_instance(self, store_address: str) -> None:
        """Show a warning if Dagster's instance is temporary or another store's."""
        try:
            warning = owner_warning(self._step.instance, store_address)
        except STORAGE_ERRORS:
            self._is_unusable = True
            return
        if warning:
            self.warn(warning)

    def show_log(self, path: Path) -> LogMetadata:
        """Show the run's log; return its metadata, for the step's events."""
        try:
            return show_run_log(self._step.instance, self._step.run, self._step.op_name, path)
        except STORAGE_ERRORS:
            self._is_unusable = True
            return {"log_file": dg.MetadataValue.path(str(path))}

    def add_open_dates(self, group: GroupKey, biz_dts: Collection[str]) -> None:
        """Show the open dates of a group as its partitions, if Dagster's storage can be written."""
        try:
            add_open_dates(self._step.instance, group, biz_dts)
        except STORAGE_ERRORS:
            self._is_unusable = True

    def close(self) -> None:
        """Remove the file for kept reports if it has none."""
        if self._kept is not None:
            self._kept.close()


def step_request(step: CurrentStep, registry: Registry) -> StepRequest:
    """Return the request of a run to its step.

    Raises:
        NotReadyError: If the run was deleted.
    """
    spec = registry.jobs[step.op_name]
    record = _record_of(step)
    fault: NotReadyError | None = None
    try:
        biz_dts = biz_dts_of(step.run)
    except NotReadyError as error:
        biz_dts, fault = ("",), error
    return StepRequest(
        spec=spec,
        run_id=step.run.run_id,
        created_at=record.create_timestamp,
        biz_dts=biz_dts,
        attempt=attempt_of(step, record),
        parents_outside=tuple(
            parent for parent in registry.parents_of(spec) if parent.job_name not in step.ops_in_run
        ),
        fault=fault,
        is_alone=len(step.ops_in_run) == 1,
    )


def _record_of(step: CurrentStep) -> RunRecord:
    record = step.instance.get_run_record_by_id(step.run.run_id)
    if record is None:
        raise NotReadyError(f"run {step.run.run_id} is not in Dagster's instance; was it deleted?")
    return record


def param_bundle_io_manager(location: Location) -> dg.IOManagerDefinition:
    """Return the IO manager's definition; it needs the control-store resource."""

    @dg.io_manager(required_resource_keys={CONTROL_STORE_KEY}, input_config_schema=NO_CONFIG)
    def param_bundle(init_context: dg.InitResourceContext) -> ParamBundleIOManager:
        resource = getattr(init_context.resources, CONTROL_STORE_KEY)
        return ParamBundleIOManager(location, store_of(resource))

    return param_bundle
