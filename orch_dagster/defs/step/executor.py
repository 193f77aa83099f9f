"""The executor of every landing job: steps in threads, and heartbeats of the run.

A step only waits for a child process, so a thread is enough, and nothing reloads the code location.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import cast

import dagster as dg
from dagster import DagsterRunNotFoundError
from sqlalchemy.exc import SQLAlchemyError

from orch_dagster.defs.dagster_internals.planned_checks import drop_planned_checks
from orch_dagster.defs.dagster_internals.run_changes import tag_run
from orch_dagster.defs.dagster_internals.thread_executor import ThreadExecutor, current_stop
from orch_dagster.defs.runs.leftovers import remove_leftovers_of_unfinished
from orch_dagster.defs.runs.liveness import (
    HEARTBEAT_S,
    PROCESS_OF_TAG,
    heartbeat_tags,
    process_tags,
    write_process,
)
from orch_dagster.defs.runs.origins import give_origin
from orch_dagster.defs.step.shared_applications import close_applications, open_applications
from orch_dagster.errors import OrchError
from orch_dagster.files import os_fault

__all__ = ["AbandonedRunError", "current_stop", "thread_executor"]


class AbandonedRunError(OrchError):
    """Nobody can follow the run any more, so it has ended its steps."""


class LivenessGuard:
    """Tags a run with its process and with heartbeats, and ends it when nobody can follow it.

    First it removes what earlier runs left that were killed with their supervisors.

    That is when its code server died, or the run was deleted in Dagster.

    Args:
        params_dir: ``params/``, where the process is also written in a file.
        instance: The instance of the run.
        run_id: The id of the run.
        warn: Reports a heartbeat that fails.
    """

    def __init__(
        self,
        params_dir: Path,
        instance: dg.DagsterInstance,
        run_id: str,
        warn: Callable[[str], None],
    ) -> None:
        self._params_dir = params_dir
        self._instance = instance
        self._run_id = run_id
        self._warn = warn
        self._next_heartbeat_s = time.monotonic() + HEARTBEAT_S
        self._tags = {**process_tags(), PROCESS_OF_TAG: run_id}
        # Before the run may write any row: rows of a run that is deleted are judged by the file.
        self._write_process(self._tags)
        tag_run(instance, run_id, self._tags)
        for sentence in remove_leftovers_of_unfinished(instance, params_dir):
            warn(sentence)
        open_applications(run_id)

    def reason_to_end(self) -> AbandonedRunError | None:
        """Send a heartbeat if one is due, and return why the run must end, or None."""
        if not self._heartbeat():
            return AbandonedRunError("the run was deleted in Dagster")
        # Only a run that a code server started has a parent process here.
        parent = multiprocessing.parent_process()
        if parent is not None and not parent.is_alive():
            return AbandonedRunError("the code server that started the run died")
        return None

    def close(self) -> None:
        """End what the steps of the run, which have ended, had in common."""
        close_applications(self._run_id)

    def _heartbeat(self) -> bool:
        """Send a heartbeat if one is due; return False if the run does not exist any more."""
        if time.monotonic() < self._next_heartbeat_s:
            return True
        self._next_heartbeat_s = time.monotonic() + HEARTBEAT_S
        heartbeat = heartbeat_tags()
        self._write_process({**self._tags, **heartbeat})
        try:
            tag_run(self._instance, self._run_id, heartbeat)
        except DagsterRunNotFoundError:
            return False
        except (SQLAlchemyError, OSError) as error:
            # The job is unharmed, and the next heartbeat may be written.
            self._warn(f"the run could not write its heartbeat: {error}")
        return True

    def _write_process(self, tags: Mapping[str, str]) -> None:
        try:
            write_process(self._params_dir, self._run_id, tags)
        except OSError as error:
            # Only a run that is deleted needs the file; its jobs fail by themselves where theirs
            # can't be written, each with its row.
            self._warn(
                f"the run could not write the file that names its process: {os_fault(error)}"
            )


def guard_run(
    params_dir: Path,
    store_address: str,
    instance: dg.DagsterInstance,
    run_id: str,
    warn: Callable[[str], None],
) -> LivenessGuard:
    """Start the guard of a run, which belongs to the code location of its store from now on.

    Its checks stay as they were until they are evaluated.

    Args:
        params_dir: As for LivenessGuard.
        store_address: The control store.
        instance: The instance of the run.
        run_id: The id of the run.
        warn: As for LivenessGuard.
    """
    guard = LivenessGuard(params_dir, instance, run_id, warn)
    try:
        give_origin(instance, run_id, store_address)
        drop_planned_checks(instance, [run_id])
    except (SQLAlchemyError, OSError) as error:
        # The sensor does both when it has ended.
        warn(f"the run could not write its code location: {error}")
    return guard


def thread_executor(
    max_concurrent: int, params_dir: Path, store_address: str
) -> dg.ExecutorDefinition:
    """Return the executor of every job.

    Args:
        max_concurrent: The number of concurrent steps, unless a run's config sets it.
        params_dir: ``params/``, as for LivenessGuard.
        store_address: The control store.
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
        return ThreadExecutor(configured, partial(guard_run, params_dir, store_address))

    return threads
