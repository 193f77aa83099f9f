"""An application that several jobs of a run share: its spark-submit, and what it is asked to land.

One thread runs the process, one reads its answers; the steps of the jobs wait for theirs.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from framework.contract.append import open_append, write_all
from framework.contract.shared_requests import (
    Answer,
    End,
    Ended,
    Land,
    Request,
    Stop,
    Taken,
    parse_answer,
    request_line,
)
from orch_dagster.files import remove_file, remove_or_warn
from orch_dagster.growing_file import follow
from orch_dagster.spark.lines import MAX_LINE_BYTES
from orch_dagster.spark.process import (
    Command,
    EndReason,
    Limits,
    ProcessEnd,
    StopRequest,
    Surroundings,
    run_supervised,
)
from orch_dagster.spark.shared_command import SharedFiles
from orch_dagster.toolchain.errors import SupervisorError

_LOG = logging.getLogger("orch_dagster")
_LOOK_EVERY_S = 0.02
# Each job that ends with it prints its own traces after the JVM's error.
_TAIL_LINES = 10_000
_TAIL_BYTES = 16 * MAX_LINE_BYTES
_TICK_S = 0.2
# SIGKILL and SIGTERM, of which it says nothing: its last error is that of some other job.
_KILLED_CODES = (137, 143)
# A JVM on a machine that does nothing else needs five.
_START_S = 600.0
# A session without jobs needs a second to stop.
_END_WAIT_S = 30.0


@dataclass(frozen=True)
class SharedSettings:
    """The surroundings of a shared application, besides its command.

    Attributes:
        environ: The variables that it inherits.
        cwd: Its working folder.
        grace_s: Seconds between a request to stop and the end of the whole application.
        patience_s: The same after a job's timeout, as that end is not the other jobs' fault.
        mask: Masks secrets in its output.
        on_line: Called with each line of its output, in its thread.
        on_over: Called with a sentence once it is over, in its thread.
    """

    environ: Mapping[str, str]
    cwd: Path
    grace_s: float
    patience_s: float
    mask: Callable[[bytes], bytes]
    on_line: Callable[[str], None]
    on_over: Callable[[str], None]

    def grace_of(self, reason: EndReason) -> float:
        """Return how long a job that is asked to end for this reason may take."""
        return self.patience_s if reason == "timeout" else self.grace_s


@dataclass
class SharedApplication:
    """A spark-submit that lands one job after the other, and side by side, until it is ended."""

    files: SharedFiles
    settings: SharedSettings
    fault: str | None = field(default=None, init=False)
    """The reason for which this orchestrator ended it while jobs were in it."""

    _taken_s: dict[str, float] = field(default_factory=dict[str, float], init=False)
    _ended: dict[str, Ended] = field(default_factory=dict[str, Ended], init=False)
    _end: ProcessEnd | None = field(default=None, init=False)
    _error: BaseException | None = field(default=None, init=False)
    _is_ending: bool = field(default=False, init=False)
    _kill: threading.Event = field(default_factory=threading.Event, init=False)
    _exited: threading.Event = field(default_factory=threading.Event, init=False)
    _over: threading.Event = field(default_factory=threading.Event, init=False)
    _changed: threading.Condition = field(default_factory=threading.Condition, init=False)

    def start(self, command: Command) -> None:
        """Start its command, and return at once.

        Args:
            command: The command.

        Raises:
            OSError: If its files can't be written.
        """
        for file in (self.files.requests, self.files.answers):
            remove_file(file)
            os.close(open_append(str(file)))
        for target in (self._follow, lambda: self._run(command)):
            threading.Thread(target=target, name="shared application", daemon=True).start()

    @property
    def takes_jobs(self) -> bool:
        """True while a job may still be handed to it."""
        return not (self._is_ending or self._kill.is_set() or self._exited.is_set())

    def land(self, job: str, variables: Mapping[str, str]) -> None:
        """Hand it a job, whose name in it must be new.

        Raises:
            OSError: If the request can't be written.
        """
        self._write(Land(job, variables))

    def wait(self, job: str, stop: StopRequest, timeout_s: float | None) -> ProcessEnd:
        """Wait for the end of a job, and stop it on request or when its time is over.

        Returns:
            The end of the job as if it were that of a process; if the application ended before the
            job did, that of its process.

        Raises:
            SparkError: If the application could not be started, or its end is unknown.
        """
        started_s, kill_at_s = time.monotonic(), float("inf")
        reason: EndReason = "exited"
        while job not in self._ended and not self._over.is_set():
            now_s = time.monotonic()
            if reason == "exited" and (asked := self._asked(job, stop, timeout_s)):
                reason = asked
                kill_at_s = now_s + self.settings.grace_of(asked)
                self._ask_to_stop(job)
            elif job not in self._taken_s and now_s >= started_s + _START_S:
                # The start is nobody's own time, but has a limit too.
                self.kill(f"the shared application of {job} did not start in {_START_S:g} s")
            elif now_s >= kill_at_s:
                kill_at_s = float("inf")
                self.kill(
                    f"{job} shares its application and did not end within "
                    f"{self.settings.grace_of(reason):g} s after it was asked to, so that was ended"
                )
            with self._changed:
                self._changed.wait(_TICK_S)
        duration_s = time.monotonic() - started_s
        ended = self._ended.get(job)
        if ended is not None:
            # A job that landed in spite of a request to stop has landed.
            if ended.landed:
                return ProcessEnd(0, "exited", "", duration_s)
            return ProcessEnd(1, reason, "", duration_s)
        if self._error is not None or self._end is None:
            raise self._error or SupervisorError(f"the end of {job}'s application is unknown")
        end = replace(self._end, reason=self._end.reason if reason == "exited" else reason)
        return replace(end, tail="") if end.exit_code in _KILLED_CODES else end

    def ended_before(self, job: str) -> bool:
        """Return whether it ended by itself before it began with a job that `wait` waited for.

        False too if it began with none: what kept it from its start would keep the next one.
        """
        if not self._over.is_set() or self._error is not None or self._end is None:
            return False
        return self._end.reason == "exited" and bool(self._taken_s) and job not in self._taken_s

    def _asked(self, job: str, stop: StopRequest, timeout_s: float | None) -> EndReason | None:
        """Return why a job is to end now, None if it is not."""
        if stop.is_set():
            return "stopped"
        taken_s = self._taken_s.get(job)
        if taken_s is None or timeout_s is None or time.monotonic() < taken_s + timeout_s:
            return None
        return "timeout"

    def end(self) -> None:
        """Let it end once its jobs have ended; return at once."""
        if not self.takes_jobs:
            return
        self._is_ending = True
        try:
            self._write(End())
        except OSError:
            # It would wait for ever. Whoever ends it has no job in it any more.
            self._kill.set()

    def kill(self, fault: str) -> None:
        """End its process, and so the jobs in it; return at once."""
        self.fault = self.fault or fault
        self._kill.set()

    def close(self) -> None:
        """End it, wait until it is over, and remove its files."""
        self.end()
        if not self._over.wait(_END_WAIT_S):
            self._kill.set()
        self._over.wait()
        for file in (self.files.requests, self.files.answers, self.files.properties):
            remove_or_warn(file, _LOG.warning)

    def _ask_to_stop(self, job: str) -> None:
        try:
            self._write(Stop(job))
        except OSError as error:
            self.kill(f"{job} shares its application and could not be asked to end: {error}")

    def _write(self, request: Request) -> None:
        descriptor = open_append(str(self.files.requests))
        try:
            write_all(descriptor, request_line(request).encode())
        finally:
            os.close(descriptor)

    def _run(self, command: Command) -> None:
        files, settings = self.files, self.settings
        try:
            surroundings = Surroundings(
                environ=settings.environ,
                cwd=settings.cwd,
                remove=files.properties,
                folders=[files.warehouse],
            )
            self._end = run_supervised(
                command,
                on_line=settings.on_line,
                stop=self._kill,
                limits=Limits(None, settings.grace_s, _TAIL_LINES, _TAIL_BYTES),
                surroundings=surroundings,
                mask=settings.mask,
            )
        except BaseException as error:  # noqa: BLE001 - raised to who waits for a job
            self._error = error
        finally:
            self._exited.set()

    def _follow(self) -> None:
        """Read the answers to the last, then tell that the application is over."""
        try:
            for lines in follow(self.files.answers, self._exited.is_set, _LOOK_EVERY_S):
                for line in lines.splitlines(keepends=True):
                    if not line.endswith(b"\n"):
                        # Cut off with its writer, so the job had not ended.
                        continue
                    self._hear(parse_answer(line))
        except (OSError, ValueError) as error:
            # Nobody could tell which of its jobs have ended.
            self._error = self._error or error
            self._kill.set()
            self._exited.wait()
        finally:
            try:
                self.settings.on_over(self._over_text())
            finally:
                self._over.set()
                with self._changed:
                    self._changed.notify_all()

    def _hear(self, answer: Answer) -> None:
        with self._changed:
            match answer:
                case Taken():
                    self._taken_s[answer.job] = time.monotonic()
                case Ended():
                    self._ended[answer.job] = answer
            self._changed.notify_all()

    def _over_text(self) -> str:
        if self._end is None:
            return f"the shared application failed: {self._error}"
        if self._end.exit_code == 0:
            return "the shared application has ended"
        why = f": {self.fault}" if self.fault else ""
        return f"the shared application ended with exit code {self._end.exit_code}{why}"
