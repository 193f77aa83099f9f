"""The param-bundle IO manager: a job's parameters, read fresh as its op's input."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
from dagster import RunRecord

from orch_dagster.control.store import ControlStore
from orch_dagster.defs.dagster_internals.step_context import CurrentStep, current_step
from orch_dagster.defs.partitions import biz_dts_of
from orch_dagster.defs.resources import store_of
from orch_dagster.defs.runs.history import report_step
from orch_dagster.defs.step.attempt import attempt_of
from orch_dagster.defs.step.begun import BegunStep, LogMetadata, StepRequest, begin_step
from orch_dagster.defs.step.load_params import load_params
from orch_dagster.defs.step.log_link import show_run_log
from orch_dagster.defs.translator import CONTROL_STORE_KEY
from orch_dagster.errors import NotReadyError
from orch_dagster.execution_log import StepReport
from orch_dagster.registry.jobs import Registry
from orch_dagster.registry.location import Location


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
        step = begin_step(request, DagsterReporter(current), self._store, settings.logs_dir)
        return load_params(step, self._store, settings)


class DagsterReporter:
    """A StepReporter that writes into Dagster's instance."""

    def __init__(self, step: CurrentStep) -> None:
        self._step = step

    def report(self, report: StepReport, message: str) -> None:
        """Write the report into the run's event log, at once."""
        report_step(self._step.instance, self._step.run, report, message)

    def warn(self, text: str) -> None:
        """Show a warning among the step's lines."""
        self._step.log.warning(text)

    def show_log(self, path: Path) -> LogMetadata:
        """Show the run's log; return its metadata, for the step's events."""
        return show_run_log(self._step.instance, self._step.run, self._step.op_name, path)


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
    )


def _record_of(step: CurrentStep) -> RunRecord:
    record = step.instance.get_run_record_by_id(step.run.run_id)
    if record is None:
        raise NotReadyError(f"run {step.run.run_id} is not in Dagster's instance; was it deleted?")
    return record


def param_bundle_io_manager(location: Location) -> dg.IOManagerDefinition:
    """Return the IO manager's definition; it needs the control-store resource."""

    @dg.io_manager(required_resource_keys={CONTROL_STORE_KEY})
    def param_bundle(init_context: dg.InitResourceContext) -> ParamBundleIOManager:
        resource = getattr(init_context.resources, CONTROL_STORE_KEY)
        return ParamBundleIOManager(location, store_of(resource))

    return param_bundle
