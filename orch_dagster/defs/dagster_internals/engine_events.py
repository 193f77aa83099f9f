"""Events with metadata in the log of a run, written at once.

Missing: a public way to write one. The events of a step's context are held back until the step
yields, and a kill loses them. Buys: after a kill execution_log still has what the step reported;
three events and two writes of a row take 10 ms. Can go when DagsterInstance documents
report_engine_event or its like.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dagster._core.events import EngineEventData

from framework.contract.visible import visible

if TYPE_CHECKING:
    from dagster import DagsterEvent, DagsterInstance, DagsterRun, MetadataValue


def write_engine_event(
    instance: DagsterInstance,
    run: DagsterRun,
    step_key: str,
    message: str,
    metadata: Mapping[str, MetadataValue[Any]],
) -> None:
    """Write an event of the step into the run's log before this returns."""
    instance.report_engine_event(
        visible(message),
        dagster_run=run,
        engine_event_data=EngineEventData(metadata=metadata),
        step_key=step_key,
    )


def engine_event_metadata(event: DagsterEvent) -> Mapping[str, MetadataValue[Any]]:
    """Return the metadata of such an event."""
    return event.engine_event_data.metadata
