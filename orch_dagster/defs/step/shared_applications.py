"""The applications that jobs of one run share (spark.share), in the run's process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from orch_dagster.spark.process import ProcessEnd
from orch_dagster.spark.shared import SharedApplication
from orch_dagster.spark.submit_request import SubmitRequest

Key = tuple[SubmitRequest, Mapping[str, str]]
"""The settings and the environment that all jobs of an application have in common."""


@dataclass
class RunApplications:
    """The shared applications of one run, in its process."""

    _applications: list[tuple[Key, SharedApplication]] = field(
        default_factory=list[tuple[Key, SharedApplication]]
    )
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def join(
        self,
        key: Key,
        hand_over: Callable[[SharedApplication], None],
        start: Callable[[int], SharedApplication],
    ) -> SharedApplication:
        """Hand a job to the application of its key, which is started if there is none.

        Args:
            key: What all jobs of the application have in common.
            hand_over: Hands the job over; none may be ended meanwhile.
            start: Starts the application, given a number that no other of the run has.
        """
        with self._lock:
            found = next(
                (each for of, each in self._applications if of == key and each.takes_jobs), None
            )
            if found is None:
                found = start(len(self._applications) + 1)
                self._applications.append((key, found))
            hand_over(found)
            return found

    def land(
        self,
        key: Key,
        job: str,
        hand_over: Callable[[SharedApplication], None],
        wait: Callable[[SharedApplication], ProcessEnd],
        start: Callable[[int], SharedApplication],
    ) -> tuple[SharedApplication, ProcessEnd]:
        """Land a job in the application of its key, and return that and the end of the job.

        An application may die just before it is handed the job; then another one gets it.

        Args:
            key: What all jobs of the application have in common.
            job: The job's name in it.
            hand_over: As `join` has it.
            wait: Waits for the end of the job; its reason is "exited" unless the job was stopped.
            start: As `join` has it.
        """
        while True:
            application = self.join(key, hand_over, start)
            end = wait(application)
            if end.reason != "exited" or not application.ended_before(job):
                return application, end

    def close(self) -> None:
        """End all applications, and wait until they are over."""
        for _, application in self._applications:
            application.close()


_of_runs: dict[str, RunApplications] = {}


def open_applications(run_id: str) -> None:
    """Let the steps of a run share applications, until `close_applications`."""
    _of_runs[run_id] = RunApplications()


def close_applications(run_id: str) -> None:
    """End the shared applications of a run, whose steps have ended."""
    if (applications := _of_runs.pop(run_id, None)) is not None:
        applications.close()


def applications_of(run_id: str) -> RunApplications | None:
    """Return the shared applications of a run, None if another executor runs it."""
    return _of_runs.get(run_id)
