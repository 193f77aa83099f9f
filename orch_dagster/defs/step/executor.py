"""The executor of every landing job: steps in threads, and heartbeats of the run.

A step only waits for a child process, so a thread is enough, and nothing reloads the code location.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from typing import cast

import dagster as dg
from sqlalchemy.exc import SQLAlchemyError

from orch_dagster.defs.dagster_internals.run_changes import tag_run
from orch_dagster.defs.dagster_internals.thread_executor import ThreadExecutor, current_stop
from orch_dagster.defs.runs.liveness import HEARTBEAT_S, heartbeat_tags, process_tags
from orch_dagster.errors import OrchError

__all__ = ["AbandonedRunError", "current_stop", "thread_executor"]


class AbandonedRunError(OrchError):
    """The code server that started a run died, so the run has ended its steps."""


class LivenessGuard:
    """Tags a run with its process and with heartbeats, and ends it when its code server dies.

    Args:
        instance: The instance of the run.
        run_id: The id of the run.
        warn: Reports a heartbeat that fails.
    """

    def __init__(
        self, instance: dg.DagsterInstance, run_id: str, warn: Callable[[str], None]
    ) -> None:
        self._instance = instance
        self._run_id = run_id
        self._warn = warn
        self._next_heartbeat_s = time.monotonic() + HEARTBEAT_S
        tag_run(instance, run_id, process_tags())

    def reason_to_end(self) -> AbandonedRunError | None:
        """Send a heartbeat if one is due, and return why the run must end, or None."""
        self._heartbeat()
        # Only a run that a code server started has a parent process here.
        parent = multiprocessing.parent_process()
        if parent is not None and not parent.is_alive():
            return AbandonedRunError("the code server that started the run died")
        return None

    def _heartbeat(self) -> None:
        if time.monotonic() < self._next_heartbeat_s:
            return
        self._next_heartbeat_s = time.monotonic() + HEARTBEAT_S
        try:
            tag_run(self._instance, self._run_id, heartbeat_tags())
        except SQLAlchemyError as error:
            # The job is unharmed, and the next heartbeat may reach Dagster's storage.
            self._warn(f"the run could not write its heartbeat: {error}")


def thread_executor(max_concurrent: int) -> dg.ExecutorDefinition:
    """Return the executor of every job.

    Args:
        max_concurrent: The number of concurrent steps, unless a run's config sets it.
    """

    @dg.executor(
        name="threads",
        config_schema={
            "max_concurrent": dg.Field(
                int, default_value=max_concurrent, description="How many jobs run at once."
            )
        },
    )
    def threads(init_context: dg.InitExecutorContext) -> ThreadExecutor:
        configured = cast(int, init_context.executor_config["max_concurrent"])
        return ThreadExecutor(configured, LivenessGuard)

    return threads
