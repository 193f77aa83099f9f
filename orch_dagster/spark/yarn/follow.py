"""Follow the application of a submit: its id, why it waits, its limits, and its end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from orch_dagster.spark.process import ProcessEnd, StopRequest
from orch_dagster.spark.standalone import starved
from orch_dagster.spark.yarn.application_end import ApplicationEnd, end_of, with_unended
from orch_dagster.spark.yarn.gateway import YarnClient, YarnError
from orch_dagster.spark.yarn.limits import ApplicationLimits, Expired, limit_failure
from orch_dagster.spark.yarn.report import (
    NOT_SUBMITTED,
    Application,
    lost,
    no_executors,
    registering,
    waiting_reason,
)
from orch_dagster.spark.yarn.submitted import SubmittedApplication

# A poll follows the last one after a twentieth of the time so far, within these limits.
_POLL_SHARE = 0.05
_POLL_LEAST_S = 1.0
_POLL_MOST_S = 10.0
# The longest time until a request to stop is noticed.
_TICK_S = 0.2
# A resource manager that starts again may know its applications later than it answers.
_UNKNOWN_S = 30.0
# The containers of executors start a moment after the one that asks for them.
_EXECUTORS_S = 15.0
# Without an upload it takes a few.
_SUBMIT_S = 60.0
_NOT_FOUND = "ApplicationNotFoundException"
# For the resource manager to say that all has ended.
END_WITHIN_S = 60.0


@dataclass(frozen=True)
class ApplicationListener:
    """The listener of an application while it runs; called in the thread that follows it.

    Attributes:
        submitted: Called once, as soon as it has an id.
        waiting: Called with the reason whenever that changes, while it waits for the cluster.
        running: Called once it runs, and again once it has executors if it waited for them.
    """

    submitted: Callable[[Application], object] = lambda _: None
    waiting: Callable[[str], object] = lambda _: None
    running: Callable[[Application], object] = lambda _: None


@dataclass
class ApplicationWatch:
    """Follows the application of one submit in a thread; itself the request to stop its process.

    Attributes:
        client: The cluster.
        submitted: What finds the application.
        stop: The run's request to stop.
        limits: The limits of the application.
        listener: Who hears of it.
        rival: Returns why a new application has to give way to another one, or None.
        closing: Set once the job has reported all that it will, so that its end is near.
        clock: Seconds of a monotonic clock.
        expired: The limit that was reached, if one was, or "rival" if it has to give way.
    """

    client: YarnClient
    submitted: SubmittedApplication
    stop: StopRequest
    limits: ApplicationLimits
    listener: ApplicationListener
    rival: Callable[[Application], str | None] = lambda _: None
    closing: threading.Event = field(default_factory=threading.Event)
    clock: Callable[[], float] = time.monotonic
    expired: Expired | None = None
    _application: Application | None = None
    _waiting: str = ""
    _had_executors: bool = False
    _is_starved: bool = False
    _began_s: float = 0.0
    _running_s: float | None = None
    _unknown_since_s: float | None = None
    _is_submitted: bool = False
    _is_lost: bool = False
    _away_since_s: float | None = None
    _has_no_rival: bool = False
    _rival: str = ""
    _has_ended: threading.Event = field(default_factory=threading.Event)
    _crash: BaseException | None = None
    _is_due: threading.Event = field(default_factory=threading.Event)
    _done: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> ApplicationWatch:
        self._began_s = self.clock()
        if self.submitted.is_cluster:
            self.client.guard(self.submitted.tag)
        self._thread = threading.Thread(target=self._follow, name="orch-yarn-watch", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, _: object, error: BaseException | None, *__: object) -> None:
        is_settled = self._done.is_set()
        self._finish()
        if error is None or is_settled:
            return
        # The process has ended by an exception.
        end = self._end("the run was interrupted")
        self._release(end)
        if end.unended:
            raise with_unended(error, end.unended)

    def is_set(self) -> bool:
        """Return whether the submit's process has to stop, also as nobody holds its limits."""
        return self._crash is not None or self.expired is not None or self.stop.is_set()

    def hear(self, line: str) -> None:
        """Take a line of the output of a driver here, which tells that no executor takes tasks."""
        self._is_starved = self._is_starved or starved(line) is not None

    def await_end(self, process: ProcessEnd) -> ProcessEnd:
        """Wait for the end of an application on the cluster, which its submit does not await.

        Returns:
            The end of the process, stopped if the application has to be.

        Raises:
            YarnError: If the application can't be followed any more.
        """
        if not (self.submitted.is_cluster and _is_orderly(process)):
            if process.reason == "stopped":
                self._refuse_unfollowed()
            return process
        began_s = self.clock()
        self._is_submitted = True
        self._is_due.set()
        while not (self._has_ended.is_set() or self.is_set()):
            self._has_ended.wait(_TICK_S)
        if not self._has_ended.is_set():
            self._refuse_unfollowed()
        reason = process.reason if self._has_ended.is_set() else "stopped"
        duration_s = process.duration_s + self.clock() - began_s
        return replace(process, reason=reason, duration_s=duration_s)

    def _refuse_unfollowed(self) -> None:
        """Raise what broke the thread that follows the application, if that ended the job."""
        if self._crash is not None and not (self.stop.is_set() or self.expired):
            error = f"{type(self._crash).__name__}: {self._crash}"
            raise YarnError(f"the application can't be followed: {error}") from self._crash

    def settle(self, process: ProcessEnd, fault: str | None = None) -> ApplicationEnd:
        """Return how the application ended, once the submit's process has; end it if need be.

        Args:
            process: The end of the process.
            fault: Why the run stopped it, unless a person asked for it.
        """
        self._finish()
        if _is_orderly(process) and not self.submitted.is_cluster:
            # The driver was the process, so its exit code tells.
            return ApplicationEnd(self._application)
        if _is_orderly(process) and self._application is not None and self._application.is_over:
            end = self._end_of([self._application])
        else:
            end = self._end(self._why(process, fault))
        self._release(end)
        if self._has_succeeded(end):
            return end
        if self._is_lost:
            # What it staged is nobody's now.
            return replace(end, application=self._application, failure=lost(self._application))
        if self.expired is not None:
            # How it was killed is no news.
            known = self._application.id if self._application else None
            why = self._rival if self.expired == "rival" else self._waiting
            return replace(end, failure=limit_failure(self.expired, known, why, self.limits))
        return end

    def settled(self, process: ProcessEnd, end: ApplicationEnd) -> ProcessEnd:
        """Return the end of the job's process as the cluster knows it."""
        if self._has_succeeded(end):
            # Before it could be ended, if it was to be.
            return replace(process, reason="exited", exit_code=0)
        if self.expired is not None and (self.submitted.is_cluster or not _is_orderly(process)):
            return replace(process, reason="timeout")
        if self.submitted.is_cluster and end.application and process.reason == "exited":
            return replace(process, exit_code=end.application.exit_code)
        return process

    def _has_succeeded(self, end: ApplicationEnd) -> bool:
        """Return whether a driver on the cluster ended without a failure, and nothing runs."""
        ended = end.application
        is_known = self.submitted.is_cluster and end.unended is None
        return is_known and ended is not None and ended.has_succeeded

    def _finish(self) -> None:
        self._done.set()
        self._is_due.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _follow(self) -> None:
        """Poll until the watch is over; runs in a thread."""
        try:
            while True:
                self._await_due()
                self._is_due.clear()
                if self._done.is_set():
                    return
                self._poll()
        except BaseException as error:
            # Nobody holds the job's limits any more, so it has to end.
            self._crash = error
            raise

    def _await_due(self) -> None:
        """Wait until the next poll is due; that is soon once the job's end is near."""
        wait_s = poll_wait_s(self.clock() - self._began_s)
        while wait_s > 0 and not self._is_due.wait(min(wait_s, _POLL_LEAST_S)):
            wait_s = 0 if self.closing.is_set() else wait_s - _POLL_LEAST_S

    def _poll(self) -> None:
        try:
            found = self._look()
        except YarnError as error:
            # The next look may succeed. Until then nobody knows better than before.
            self._tell_away(error)
        else:
            self._away_since_s = None
            if found is not None:
                self._give_way(found)
                self._take(found)
            elif self._is_submitted:
                self._miss()
            elif self._is_late():
                self._wait(NOT_SUBMITTED)
        self._check_limits()

    def _tell_away(self, error: YarnError) -> None:
        now_s = self.clock()
        self._away_since_s = now_s if self._away_since_s is None else self._away_since_s
        if self._running_s is None:
            self._wait(str(error))
        elif self.submitted.is_cluster and now_s - self._away_since_s >= _UNKNOWN_S:
            # Of a driver here the process tells its end.
            self._wait(f"the application runs, or has ended, unseen ({error})")

    def _is_late(self) -> bool:
        # A driver here does other things first.
        submits = self.submitted.is_cluster and self._application is None
        return submits and self.clock() - self._began_s >= _SUBMIT_S

    def _give_way(self, found: Application) -> None:
        """Look for a rival once there is an application, as two may be submitted at one moment."""
        if self._has_no_rival or self.expired is not None or found.is_over:
            return
        try:
            reason = self.rival(found)
        except YarnError:
            # The next poll looks again.
            return
        if reason is None:
            self._has_no_rival = True
        else:
            self._rival, self.expired = reason, "rival"

    def _look(self) -> Application | None:
        if self._application is None:
            found = self.client.find(self.submitted.tag)
            return found[-1] if found else None
        try:
            return self.client.report(self._application.id)
        except YarnError as error:
            if error.kind.endswith(_NOT_FOUND):
                return None
            raise

    def _miss(self) -> None:
        """Note that the resource manager does not know an application that it had taken."""
        now_s = self.clock()
        if self._unknown_since_s is None:
            self._unknown_since_s = now_s
        elif now_s - self._unknown_since_s >= _UNKNOWN_S:
            self._is_lost = True
            self._has_ended.set()

    def _take(self, found: Application) -> None:
        self._unknown_since_s = None
        is_new, self._application = self._application is None, found
        self._had_executors = self._had_executors or found.containers > 1
        if is_new:
            self.listener.submitted(found)
        if found.is_waiting:
            has_run = self._running_s is not None
            self._wait(registering(found) if has_run else waiting_reason(found))
        elif self._running_s is None:
            self._running_s = self.clock()
            self._run(found)
        elif self._lacks_executors(found):
            self._wait(no_executors(found))
        elif self._waiting:
            self._run(found)
        if found.is_over:
            self._has_ended.set()

    def _run(self, found: Application) -> None:
        self._waiting = ""
        self.listener.running(found)

    def _lacks_executors(self, found: Application) -> bool:
        """Return whether an application that runs still has none of the executors it asks for."""
        asks_for_some = self.submitted.needs_executors or self._is_starved
        if self._running_s is None or not asks_for_some:
            return False
        is_late = self.clock() - self._running_s >= _EXECUTORS_S
        return is_late and found.is_alone and not self._had_executors

    def _wait(self, reason: str) -> None:
        if reason != self._waiting:
            self._waiting = reason
            self.listener.waiting(reason)

    def _check_limits(self) -> None:
        # A driver here may outlive its application, and a submit too.
        is_over = self._is_submitted and self._has_ended.is_set()
        if self.expired is not None or is_over:
            return
        now_s = self.clock()
        runs_here = not self.submitted.is_cluster and self._application is None
        is_heard = self._away_since_s is None
        since_s = self._began_s if runs_here and is_heard else self._running_s
        timeout_s, queue_s = self.limits.timeout_s, self.limits.queue_s
        if since_s is not None:
            if timeout_s is not None and now_s - since_s >= timeout_s:
                self.expired = "timeout"
        elif queue_s is not None and now_s - self._began_s + self.limits.waited_s >= queue_s:
            self.expired = "queue"

    def _release(self, end: ApplicationEnd) -> None:
        """Have the gateway guard an application that has ended no more."""
        if self.submitted.is_cluster and end.unended is None:
            self.client.release(self.submitted.tag)

    def _end(self, why: str) -> ApplicationEnd:
        try:
            found = self.client.end(self.submitted.tag, why, END_WITHIN_S)
        except YarnError as error:
            known = self._application
            subject = known.id if known else "an application of it"
            text = f"it is unknown whether {subject} still runs ({error})"
            return ApplicationEnd(known, unended=text)
        return self._end_of(found, why)

    def _end_of(self, found: list[Application], why: str = "") -> ApplicationEnd:
        """Return the end of these applications, of which this watch has killed some, or none."""
        if not found:
            return self._none_found()
        return end_of(found, why, is_cluster=self.submitted.is_cluster)

    def _none_found(self) -> ApplicationEnd:
        """Return the end of what the resource manager does not know, or does not know any more."""
        known = self._application
        if known is None or known.is_over or self._is_lost:
            return ApplicationEnd()
        why = "the resource manager does not know it any more"
        return ApplicationEnd(known, unended=f"it is unknown whether {known.id} still runs ({why})")

    def _why(self, process: ProcessEnd, fault: str | None) -> str:
        if self.expired == "queue":
            return "it waited longer than queue.minutes"
        if self.expired == "timeout":
            return "it ran longer than timeout_minutes"
        if self.expired == "rival":
            return "another application lands its dates"
        if process.reason == "stopped":
            return fault or "its run was stopped on request"
        return f"its submit process ended with exit code {process.exit_code}"


def poll_wait_s(passed_s: float) -> float:
    """Return the seconds until the next poll of an application that was submitted so long ago.

    >>> [poll_wait_s(passed_s) for passed_s in (0, 60, 3600)]
    [1.0, 3.0, 10.0]
    """
    return min(max(_POLL_SHARE * passed_s, _POLL_LEAST_S), _POLL_MOST_S)


def _is_orderly(process: ProcessEnd) -> bool:
    return process.reason == "exited" and process.exit_code == 0
