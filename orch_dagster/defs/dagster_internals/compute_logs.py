"""The stdout and stderr of a step that its page in Dagit shows.

Missing: a public way to write a step's log from another process, and to learn where it is. Buys:
what Spark prints is on the step's page while it runs, and the run's log has a link there. Can go
when the compute log manager is public.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urlencode

from dagster._core.storage.compute_log_manager import ComputeIOType
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager

if TYPE_CHECKING:
    from dagster import DagsterInstance


@dataclass(frozen=True)
class StepOutput:
    """The output of a step: its file, and the path of the page on which Dagit shows it."""

    path: Path
    url: str


def open_stderr(
    instance: DagsterInstance, run_id: str, step_key: str
) -> AbstractContextManager[IO[Any] | None]:
    """Open the step's stderr for writing; yield None if Dagster doesn't capture it."""
    manager = instance.compute_log_manager
    log_key = manager.build_log_key_for_run(run_id, step_key)
    return manager.open_log_stream(log_key, ComputeIOType.STDERR)


def stderr_path(instance: DagsterInstance, run_id: str, step_key: str) -> Path | None:
    """Return the file of the step's stderr, None if Dagster doesn't keep it as a file."""
    manager = instance.compute_log_manager
    metadata = manager.get_log_metadata(manager.build_log_key_for_run(run_id, step_key))
    return Path(metadata.stderr_location) if metadata.stderr_location else None


def local_stdout(instance: DagsterInstance, run_id: str, step_key: str) -> StepOutput | None:
    """Return the step's stdout, None if Dagster keeps logs on another system."""
    manager = instance.compute_log_manager
    if not isinstance(manager, LocalComputeLogManager):
        return None
    metadata = manager.get_log_metadata(manager.build_log_key_for_run(run_id, step_key))
    return StepOutput(Path(str(metadata.stdout_location)), _page(run_id, step_key))


def _page(run_id: str, step_key: str) -> str:
    return f"/runs/{run_id}?{urlencode({'logType': 'stdout', 'logFileKey': step_key})}"


def local_log_folder(instance: DagsterInstance) -> Path | None:
    """Return the folder with a subfolder for each run, None if it is on another system."""
    manager = instance.compute_log_manager
    if not isinstance(manager, LocalComputeLogManager):
        return None
    # The manager names its folder only as the parent of a file in it.
    return Path(manager.get_captured_local_path(["any"], "out")).parent
