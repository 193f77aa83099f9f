"""Tell why a standalone master, or its workers, gave a job nothing."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from framework.contract.shared_paths import standalone_addresses
from orch_dagster.spark.process import StopRequest
from orch_dagster.spark.queue_limit import RAISE_LIMIT
from orch_dagster.toolchain.hadoop_conf import answering

_GAVE_UP = "All masters are unresponsive! Giving up."
_NOT_REACHED = re.compile(r"Failed to connect to master (\S+?)[\s,;]*$", re.MULTILINE)
_REFUSED = re.compile(
    r"^Caused by: \S*(?:ConnectException|UnknownHostException)[^\n]*", re.MULTILINE
)
_REMOVED = re.compile(r"Application has been killed\. Reason: (?P<reason>[^\n]+)")
_REPEATED_S = 30.0
_AWAY_S = 15.0
_ASKED_AGAIN_S = 1.0
_REMEDY = "look whether it runs, and whether spark.master names it"
_STARVED = re.compile(r"Initial job has not accepted any resources[^\n]*")


def lost_master(tail: str) -> tuple[str, bool] | None:
    """Return why a standalone master ended an application, and whether that may pass, or None.

    >>> lost_master("ERROR StandaloneSchedulerBackend: Application has been killed. "
    ...             "Reason: Master removed our application: KILLED")
    ('the Spark master ended the application: Master removed our application: KILLED', False)

    Args:
        tail: The last lines of the job's output.
    """
    found = _REMOVED.search(tail)
    if found is None:
        return None
    reason = found["reason"].strip()
    if _GAVE_UP not in reason:
        return f"the Spark master ended the application: {reason}", False
    masters = ", ".join(dict.fromkeys(_NOT_REACHED.findall(tail))) or "the master"
    causes = [each.removeprefix("Caused by: ") for each in _REFUSED.findall(tail)]
    why = f" ({causes[-1]})" if causes else ""
    return (
        f"no Spark master answered: {masters}{why}; {_REMEDY}",
        True,
    )


def away_master(
    master: str,
    stop: StopRequest,
    within_s: float = _AWAY_S,
    ask: Callable[[Sequence[str]], Mapping[str, str | None]] = answering,
) -> str | None:
    """Return why a job need not be submitted, if no standalone master listens; else None.

    Spark itself would try for a minute, and then say that its context was stopped. One of several
    masters is enough.

    Args:
        master: The job's spark.master, of any kind.
        stop: The run's request to stop, which ends the wait.
        within_s: Seconds that a master may need to come back.
        ask: Returns why each address does not answer.
    """
    if not master.startswith("spark://"):
        return None
    until_s = time.monotonic() + within_s
    while not stop.is_set():
        silent = ask(standalone_addresses(master))
        if not all(silent.values()):
            return None
        if time.monotonic() >= until_s:
            masters = ", ".join(f"{address} ({why})" for address, why in silent.items())
            return f"no Spark master answered within {within_s:g} seconds: {masters}; {_REMEDY}"
        threading.Event().wait(_ASKED_AGAIN_S)
    return None


def starved(line: str) -> str | None:
    """Return what Spark says where no worker takes a job's tasks, if a line of its log does.

    >>> starved("WARN TaskSchedulerImpl: Initial job has not accepted any resources; check it")
    'Initial job has not accepted any resources; check it'
    """
    found = _STARVED.search(line)
    return found.group() if found else None


def last_starved(tail: str) -> str | None:
    """Return what Spark says so, if it is the last line of an output."""
    lines = tail.rstrip().splitlines()
    return starved(lines[-1]) if lines else None


class WorkerWait:
    """A request to stop a job that no worker takes, besides the run's own.

    Spark says each 15 seconds that no worker has taken the tasks; silence of twice that means that
    one has.

    Args:
        stop: The run's request to stop.
        limit_s: Seconds after which the job has waited too long; None for no limit.
        remedy: What to do then.
        clock: The time in seconds, which never goes back.

    Attributes:
        failure: Why the job is to be stopped, in one line; None as long as it need not be.
    """

    def __init__(
        self,
        stop: StopRequest,
        limit_s: float | None,
        remedy: str = RAISE_LIMIT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.failure: str | None = None
        self._stop = stop
        self._limit_s = limit_s
        self._remedy = remedy
        self._clock = clock
        self._since_s: float | None = None
        self._last_s = 0.0

    def hear(self, line: str) -> None:
        """Take a line of the job's output."""
        said = starved(line)
        if said is None or self._limit_s is None or self.failure:
            return
        now_s = self._clock()
        if self._since_s is None or now_s - self._last_s > _REPEATED_S:
            self._since_s = now_s
        self._last_s = now_s
        if now_s - self._since_s >= self._limit_s:
            self.failure = (
                f"no worker took its tasks for {self._limit_s / 60:g} minutes ({said}), so it was "
                f"ended; {self._remedy}"
            )

    def is_set(self) -> bool:
        """Return whether the job has to stop."""
        return self.failure is not None or self._stop.is_set()
