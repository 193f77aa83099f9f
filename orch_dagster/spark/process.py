"""Run a command under the supervisor: stream its output, stop it in time, report its end."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, Protocol

from orch_dagster.bundle.job_environment import with_variables
from orch_dagster.spark.drain import read_while_owned
from orch_dagster.spark.lines import MAX_LINE_BYTES, LineSplitter, Tail
from orch_dagster.spark.terminal import away_from_terminal
from orch_dagster.toolchain.errors import CommandStartError, SupervisorError

EndReason = Literal["exited", "timeout", "stopped"]

_SUPERVISOR = Path(__file__).with_name("supervisor.py")
_QUEUED_CHUNKS = 16
# The longest time until a request to stop is noticed.
_TICK_S = 0.2
# More than the supervisor's own wait for its kills, 10 s after the grace.
_SUPERVISOR_MARGIN_S = 15.0


class Command(Protocol):
    """A command to run, such as `command.SubmitCommand`."""

    @property
    def argv(self) -> Sequence[str]:
        """The program and its arguments."""
        ...

    @property
    def env(self) -> Mapping[str, str]:
        """The variables to set on top of the environment."""
        ...


@dataclass(frozen=True)
class ProcessEnd:
    """The end of a command.

    Attributes:
        exit_code: The command's exit code; 128 + n for a death by signal n.
        reason: Whether it exited, reached the timeout or was stopped on request.
        tail: The last lines of its output.
        duration_s: Seconds from start to end.
        left: Processes of its tree that survived even KILL: of another user, or stuck.
    """

    exit_code: int
    reason: EndReason
    tail: str
    duration_s: float
    left: tuple[int, ...] = ()


@dataclass(frozen=True)
class Limits:
    """The limits of a command.

    Attributes:
        timeout_s: Seconds after which the tree is stopped; None for no limit.
        grace_s: Seconds between TERM and KILL.
        tail_lines: The most lines of `ProcessEnd.tail`.
        tail_bytes: The most bytes of `ProcessEnd.tail`.
    """

    timeout_s: float | None
    grace_s: float = 5.0
    # Of a JVM that ends by an error, Spark and the job print several traces more.
    tail_lines: int = 2_000
    tail_bytes: int = 4 * MAX_LINE_BYTES


@dataclass(frozen=True)
class Surroundings:
    """The environment, the working folder and the files of a command.

    Attributes:
        environ: The variables below those of `command.env`; by default this process's.
        cwd: The command's working folder; by default this process's.
        remove: Absolute path of a file to remove at the end, even if this process is killed.
        folders: Absolute paths of folders to remove at the end, in the same way.
        unread: Absolute path of a file to remove only if this process is killed.
        orphan: A command to run only if this process is killed, once the tree has ended.
    """

    environ: Mapping[str, str] | None = None
    cwd: Path | None = None
    remove: Path | None = None
    folders: Sequence[Path] = ()
    unread: Path | None = None
    orphan: Sequence[str] = ()


class StopRequest(Protocol):
    """A request to stop, such as a threading.Event that another thread sets."""

    def is_set(self) -> bool:
        """Return whether the tree has to stop."""
        ...


def run_supervised(
    command: Command,
    *,
    on_line: Callable[[str], None],
    stop: StopRequest,
    limits: Limits,
    surroundings: Surroundings = Surroundings(),
    mask: Callable[[bytes], bytes] = bytes,
) -> ProcessEnd:
    """Run a command to its end and leave none of its processes behind, even on an exception.

    Several threads may call this at once. An exception that `on_line` raises, or that is thrown
    into the waiting thread, stops the command's tree and propagates.

    Args:
        command: The command to run.
        on_line: Receives each line of stdout and stderr, merged, in this thread; a line longer
            than 64 KiB comes in pieces.
        stop: A request to stop the tree, asked several times a second.
        limits: The limits of its time and of the kept output.
        surroundings: Its environment, working folder and files.
        mask: Masks secrets in the output before `on_line` and the tail receive it.

    Raises:
        CommandStartError: If the command can't be started.
        SupervisorError: If the supervisor was killed, so that the command's end is unknown.
    """
    process = SupervisedProcess(command, surroundings, limits.grace_s, mask)
    tail = Tail(limits.tail_lines, limits.tail_bytes)

    def each(line: str) -> None:
        tail.add(line)
        on_line(line)

    with process:
        reason = process.follow(each, timeout_s=limits.timeout_s, stop=stop)
    ended, exit_code, surviving = process.report()
    if ended == "exited":
        reason = "exited"
    elif reason == "exited":
        # The supervisor got a signal from another process.
        reason = "stopped"
    return ProcessEnd(exit_code, reason, tail.text(), process.duration_s, surviving)


class SupervisedProcess:
    """A command under its supervisor; leaving the `with` block stops both and the readers."""

    def __init__(
        self,
        command: Command,
        surroundings: Surroundings,
        grace_s: float,
        mask: Callable[[bytes], bytes],
    ) -> None:
        environ = os.environ if surroundings.environ is None else surroundings.environ
        self._argv = command.argv
        self._env = with_variables(environ, command.env)
        self._cwd = surroundings.cwd
        files = [
            ("remove", surroundings.remove),
            *(("folder", folder) for folder in surroundings.folders),
            ("unread", surroundings.unread),
        ]
        # Each is an option of the supervisor.
        self._files = [f"--{name}={file}" for name, file in files if file is not None]
        if surroundings.orphan:
            self._files.append(f"--orphan={json.dumps(list(surroundings.orphan))}")
        self._splitter = LineSplitter(mask=mask)
        self._grace_s = grace_s
        self._events: queue.Queue[bytes | _StreamEnd] = queue.Queue(_QUEUED_CHUNKS)
        self._abandon = threading.Event()
        self._supervisor_gone = threading.Event()
        self._threads: list[threading.Thread] = []
        self._report = b""
        self._started_s = 0.0
        self._kill_at_s: float | None = None
        self.duration_s = 0.0

    def __enter__(self) -> SupervisedProcess:
        self._started_s = time.monotonic()
        self._popen = self._start_supervisor()
        try:
            for target in (self._read_output, self._read_report):
                thread = threading.Thread(target=target, name="orch-output", daemon=True)
                thread.start()
                self._threads.append(thread)
        except BaseException:
            self.request_stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._abandon.set()
        self.request_stop()
        while not self._supervisor_gone.wait(_TICK_S):
            self._kill_if_overdue()
        self._popen.wait()
        self.duration_s = time.monotonic() - self._started_s
        for thread in self._threads:
            thread.join()
        for pipe in (self._popen.stdout, self._popen.stderr):
            _given(pipe).close()

    def follow(
        self, on_line: Callable[[str], None], *, timeout_s: float | None, stop: StopRequest
    ) -> EndReason:
        """Pass each line to `on_line` until the end; return why this process stopped it, if so."""
        reason: EndReason = "exited"
        deadline_s = None if timeout_s is None else self._started_s + timeout_s
        for chunk in self._chunks():
            for line in self._splitter.feed(chunk):
                on_line(line)
            if reason != "exited":
                self._kill_if_overdue()
            elif stop.is_set():
                reason = "stopped"
                self.request_stop()
            elif deadline_s is not None and time.monotonic() >= deadline_s:
                reason = "timeout"
                self.request_stop()
        for line in self._splitter.flush():
            on_line(line)
        return reason

    def request_stop(self) -> None:
        """Request the supervisor to stop the tree; return at once. It may be called again."""
        control = _given(self._popen.stdin)
        if control.closed:
            return
        self._kill_at_s = time.monotonic() + self._grace_s + _SUPERVISOR_MARGIN_S
        # If the command has exited, the supervisor is gone; Windows raises EINVAL then.
        with contextlib.suppress(OSError):
            # A line too, as a forked sibling may hold the pipe open.
            control.write(b"stop\n")
        control.close()

    def report(self) -> tuple[str, int, tuple[int, ...]]:
        """Return "exited" or "stopped", the exit code, and the processes that survived KILL.

        Raises:
            CommandStartError: If the command could not be started.
            SupervisorError: If the supervisor ended without a report.
        """
        program = self._argv[0]
        last_line = self._report.strip().rpartition(b"\n")[2]
        try:
            report = json.loads(last_line)
            ended, exit_code = str(report["ended"]), int(report["exit_code"])
        except (ValueError, KeyError, TypeError) as error:
            stderr = self._report.decode(errors="replace")[-2000:]
            raise SupervisorError(
                f"The supervisor of {program} ended with code {self._popen.returncode} before it "
                "could report how the job ended, so that is unknown: look for a process that was "
                f"killed on this machine. It wrote: {stderr!r}"
            ) from error
        if ended == "not_started":
            raise CommandStartError(
                f"{program} can't be started: {report['error']}", program=program
            )
        return ended, exit_code, tuple(report["left"])

    def _start_supervisor(self) -> subprocess.Popen[bytes]:
        argv = [sys.executable, "-I", "-S", str(_SUPERVISOR), "--grace", str(self._grace_s)]
        argv += ["--parent", str(os.getpid()), *self._files, "--", *self._argv]
        try:
            # No other child of this process inherits the pipes.
            return subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                env=self._env,
                cwd=self._cwd,
                **away_from_terminal(),
            )
        except (OSError, ValueError) as error:
            # ValueError if an argument has a NUL.
            raise CommandStartError(
                f"{self._argv[0]} can't be started in {self._cwd or Path.cwd()}: {error}",
                program=self._argv[0],
            ) from error

    def _kill_if_overdue(self) -> None:
        """Kill a supervisor that does not end after a request to stop."""
        if self._kill_at_s is not None and time.monotonic() > self._kill_at_s:
            self._popen.kill()

    def _chunks(self) -> Iterator[bytes]:
        """Yield the output, and b"" at each tick without output, until both streams have ended."""
        open_streams = 2
        while open_streams:
            try:
                event = self._events.get(timeout=_TICK_S)
            except queue.Empty:
                yield b""
                continue
            if isinstance(event, _StreamEnd):
                open_streams -= 1
            else:
                yield event

    def _read_output(self) -> None:
        """Queue the command's output until the pipe is closed; runs in a thread."""
        for chunk in read_while_owned(_given(self._popen.stdout), self._supervisor_gone):
            if not self._put(chunk):
                return
        self._put(_StreamEnd())

    def _read_report(self) -> None:
        """Read the supervisor's report, whose end is the supervisor's own; runs in a thread."""
        self._report = _given(self._popen.stderr).read()
        self._supervisor_gone.set()
        self._put(_StreamEnd())

    def _put(self, event: bytes | _StreamEnd) -> bool:
        """Queue an event; return False once the reader is gone."""
        while not self._abandon.is_set():
            with contextlib.suppress(queue.Full):
                self._events.put(event, timeout=_TICK_S)
                return True
        return False


class _StreamEnd:
    """The end of a stream, queued once for the output and once for the report."""


def _given(pipe: IO[bytes] | None) -> IO[bytes]:
    """Narrow the type of a pipe that was requested at the start."""
    if pipe is None:
        raise SupervisorError("The supervisor was started without its pipes")
    return pipe
