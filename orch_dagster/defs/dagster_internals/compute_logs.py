"""The stdout and stderr of a step, as its page in Dagit shows them.

Missing: a public way to write a step's log from another process, and to learn where it is. Buys:
what Spark prints is on the step's page while it runs, and the run's log has a link there. Can go
when the compute log manager is public.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from dagster._core.storage.compute_log_manager import ComputeIOType
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager

if TYPE_CHECKING:
    from dagster import DagsterInstance


@dataclass(frozen=True)
class StepOutput:
    """What a step printed: its file, and the address under which Dagit serves it."""

    path: Path
    url: str


def open_stderr(
    instance: DagsterInstance, run_id: str, step_key: str
) -> AbstractContextManager[IO[Any] | None]:
    """Open the step's stderr for writing; yields None where Dagster captures none."""
    manager = instance.compute_log_manager
    log_key = manager.build_log_key_for_run(run_id, step_key)
    return manager.open_log_stream(log_key, ComputeIOType.STDERR)


def stderr_path(instance: DagsterInstance, run_id: str, step_key: str) -> Path | None:
    """Return the file of the step's stderr, None where Dagster keeps it elsewhere."""
    manager = instance.compute_log_manager
    found = manager.get_log_metadata(manager.build_log_key_for_run(run_id, step_key))
    return Path(found.stderr_location) if found.stderr_location else None


def local_stdout(instance: DagsterInstance, run_id: str, step_key: str) -> StepOutput | None:
    """Return where the step's stdout is, None where Dagster keeps logs on another system."""
    manager = instance.compute_log_manager
    if not isinstance(manager, LocalComputeLogManager):
        return None
    found = manager.get_log_metadata(manager.build_log_key_for_run(run_id, step_key))
    return StepOutput(Path(str(found.stdout_location)), str(found.stdout_download_url))


def local_log_folder(instance: DagsterInstance) -> Path | None:
    """Return the folder with a subfolder for each run, None where it is on another system."""
    manager = instance.compute_log_manager
    if not isinstance(manager, LocalComputeLogManager):
        return None
    # The manager names its folder only as the parent of a file in it.
    return Path(manager.get_captured_local_path(["any"], "out")).parent
