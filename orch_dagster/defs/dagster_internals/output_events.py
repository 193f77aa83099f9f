"""The events of a step's outputs, which hold no values here: an asset and its checks.

Missing: a way to end an op's output without an event that says `Yielded output "key_unique" of type
"Nothing"`. Buys: the events of a run say what happened, in its own words. Can go when outputs of an
asset and of its checks log no event beside the materialization and the evaluation.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from dagster import DagsterEvent, DagsterEventType
from dagster._core.log_manager import (
    LOG_RECORD_EVENT_ATTR,
    get_log_record_event,
    has_log_record_event,
)

if TYPE_CHECKING:
    from dagster._core.execution.context.system import StepExecutionContext


def quiet_outputs(step_context: StepExecutionContext) -> None:
    """Log no event of a check's output, and one of the asset's output in plain words.

    A step that is executed again after its run failed needs the event of its asset's output.
    """
    outputs = {output.name: output for output in step_context.step.step_outputs}

    def keep(record: logging.LogRecord) -> bool:
        if not has_log_record_event(record):
            return True
        event = get_log_record_event(record)
        if event.event_type is not DagsterEventType.STEP_OUTPUT:
            return True
        output = outputs[event.step_output_data.output_name]
        if output.properties.asset_check_key is not None:
            return False
        if output.is_asset:
            _say(record, event, f"{step_context.step.key} is done")
        return True

    step_context.log.addFilter(keep)


def _say(record: logging.LogRecord, event: DagsterEvent, message: str) -> None:
    record.msg, record.args = message, ()
    setattr(record, LOG_RECORD_EVENT_ATTR, event._replace(message=message))
