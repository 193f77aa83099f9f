"""The events of a run whose storage can't be written, without a trace of each on stderr.

Missing: a setting of the handler that writes a run's events; it prints each failure, with its SQL,
and raises it too. Buys: `orch run` says in one sentence that the disk is full. Can go when the
handler only raises.
"""

from __future__ import annotations

import logging

from dagster import DagsterInstance
from dagster._core.events.log import StructuredLoggerMessage, construct_event_record
from dagster._core.log_manager import get_log_record_metadata
from sqlalchemy.exc import SQLAlchemyError
from typing_extensions import override


class _QuietHandler(logging.Handler):
    """Writes as Dagster's handler does; what keeps an event of Dagster's from it is raised."""

    def __init__(self, instance: DagsterInstance) -> None:
        super().__init__()
        self._of = instance
        self.setLevel(instance.get_event_log_handler().level)

    @override
    def emit(self, record: logging.LogRecord) -> None:
        metadata = get_log_record_metadata(record)
        message = StructuredLoggerMessage(
            name=record.name,
            message=record.msg,
            level=record.levelno,
            meta=metadata,
            record=record,
        )
        event = construct_event_record(message)
        try:
            self._of.handle_new_event(
                event, batch_metadata=metadata["dagster_event_batch_metadata"]
            )
        except (SQLAlchemyError, OSError):
            # A line of a log is no reason to end the run, an event of Dagster's is.
            if event.dagster_event:
                raise


def quiet_events(instance: DagsterInstance) -> None:
    """Let the runs of this instance, in this process, write their events so."""
    loud = type(instance.get_event_log_handler())
    handlers = [
        _QuietHandler(instance) if type(handler) is loud else handler
        for handler in instance.get_handlers()
    ]
    instance.get_handlers = lambda: handlers
