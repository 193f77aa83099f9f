"""Start a command under the supervisor, stream its output, end it in time, say how it ended."""

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

from orch_dagster.spark.drain import read_while_owned
from orch_dagster.spark.lines import MAX_LINE_BYTES, LineSplitter, Tail
from orch_dagster.toolchain.errors import CommandStartError, SupervisorError

EndReason = Literal["exited", "timeout", "stopped"]

_SUPERVISOR = Path(__file__).with_name("supervisor.py")
_QUEUED_CHUNKS = 16
# The longest time that a request to stop goes unseen.
_TICK_S = 0.2
# The supervisor's own bound for its kills is 10 s after the grace.
_SUPERVISOR_MARGIN_S = 15.0


class Command(Protocol):
    """What can be run: `command.SubmitCommand` is one."""

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
    """How a command ended.

    Attributes:
        exit_code: The command's own; 128 + n for a death by signal n.
        reason: Whether it ended by itself, by the timeout or by a request to stop.
        tail: The last lines of its output.
        duration_s: Seconds from start to end.
        left: Processes of its tree that outlived even KILL: of another user, or stuck.
    """

    exit_code: int
    reason: EndReason
    tail: str
    duration_s: float
    left: tuple[int, ...] = ()


@dataclass(frozen=True)
class Limits:
    """What a command may take.

    Attributes:
        timeout_s: Seconds after which the tree is ended; None for no limit.
        grace_s: Seconds between TERM and KILL.
        tail_lines: Most lines kept for `ProcessEnd.tail`; so `tail_bytes`.
    """

    timeout_s: float | None
    grace_s: float = 5.0
    tail_lines: int = 200
    tail_bytes: int = 4 * MAX_LINE_BYTES


@dataclass(frozen=True)
class Surroundings:
    """Where a command runs.

    Attributes:
        environ: What `command.env` is set on top of; by default this process's environment.
        cwd: The command's working folder; by default this process's.
        remove: Absolute path of a file to remove when all is over, even if this process is killed.
        unread: The same of one to remove only if this process is killed.
    """

    environ: Mapping[str, str] | None = None
    cwd: Path | None = None
    remove: Path | None = None
    unread: Path | None = None


def run_supervised(
    command: Command,
    *,
    on_line: Callable[[str], None],
    stop: threading.Event,
    limits: Limits,
    surroundings: Surroundings = Surroundings(),
    mask: Callable[[bytes], bytes] = bytes,
) -> ProcessEnd:
    """Run a command to its end and leave none of its processes behind, whatever happens here.

    Any thread may call this, several at once. An exception raised by `on_line`, or thrown into
    the calling thread while it waits, ends the command's tree and goes on.

    Args:
        command: What to run.
        on_line: Gets each line of stdout and stderr, merged, in this thread; a line longer than
            64 KiB comes in pieces.
        stop: Set it in another thread to end the tree.
        limits: How long it may run, and how much of its output is kept.
        surroundings: Where it runs.
        mask: Takes secrets out of the output, before `on_line` and the tail get it.

    Raises:
        CommandStartError: the command can't be started.
        SupervisorError: the supervisor was killed, so the command's end is unknown.
    """
    process = SupervisedProcess(command, surroundings, limits.grace_s, mask)
    tail = Tail(limits.tail_lines, limits.tail_bytes)

    def each(line: str) -> None:
        tail.add(line)
        on_line(line)

    with process:
        reason = process.follow(each, timeout_s=limits.timeout_s, stop=stop)
    ended, exit_code, left = process.report()
    if ended == "exited":
        reason = "exited"
    elif reason == "exited":
        # Somebody else told the supervisor to stop.
        reason = "stopped"
    return ProcessEnd(exit_code, reason, tail.text(), process.duration_s, left)


class SupervisedProcess:
    """A command under its supervisor; leaving the `with` block ends both and the readers."""

    def __init__(
        self,
        command: Command,
        surroundings: Surroundings,
        grace_s: float,
        mask: Callable[[bytes], bytes],
    ) -> None:
        environ = os.environ if surroundings.environ is None else surroundings.environ
        self._argv = command.argv
        self._env = {**environ, **command.env}
        self._cwd = surroundings.cwd
        files = {"remove": surroundings.remove, "unread": surroundings.unread}
        # Each is an option of the supervisor.
        self._files = [f"--{name}={file}" for name, file in files.items() if file is not None]
        self._splitter = LineSplitter(mask=mask)
        self._grace_s = grace_s
        self._events: queue.Queue[bytes | _StreamEnd] = queue.Queue(_QUEUED_CHUNKS)
        self._abandon = threading.Event()
        self._supervisor_gone = threading.Event()
        self._threads: list[threading.Thread] = []
        self._said = b""
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
            self.ask_to_stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._abandon.set()
        self.ask_to_stop()
        while not self._supervisor_gone.wait(_TICK_S):
            self._kill_if_overdue()
        self._popen.wait()
        self.duration_s = time.monotonic() - self._started_s
        for thread in self._threads:
            thread.join()
        for pipe in (self._popen.stdout, self._popen.stderr):
            _given(pipe).close()

    def follow(
        self, on_line: Callable[[str], None], *, timeout_s: float | None, stop: threading.Event
    ) -> EndReason:
        """Pass each line on until all is over; say whether that was asked for here."""
        reason: EndReason = "exited"
        until_s = None if timeout_s is None else self._started_s + timeout_s
        for chunk in self._chunks():
            for line in self._splitter.feed(chunk):
                on_line(line)
            if reason != "exited":
                self._kill_if_overdue()
            elif stop.is_set():
                reason = "stopped"
                self.ask_to_stop()
            elif until_s is not None and time.monotonic() >= until_s:
                reason = "timeout"
                self.ask_to_stop()
        for line in self._splitter.flush():
            on_line(line)
        return reason

    def ask_to_stop(self) -> None:
        """Tell the supervisor to end the tree; returns at once, and may be called again."""
        control = _given(self._popen.stdin)
        if control.closed:
            return
        self._kill_at_s = time.monotonic() + self._grace_s + _SUPERVISOR_MARGIN_S
        # It is gone already when the command ended by itself; Windows says EINVAL then.
        with contextlib.suppress(OSError):
            # A line as well as the end: a forked sibling may hold a copy of the pipe.
            control.write(b"stop\n")
        control.close()

    def report(self) -> tuple[str, int, tuple[int, ...]]:
        """Return "exited" or "stopped", the exit code, and the processes that outlived KILL.

        Raises:
            CommandStartError: the command was never started.
            SupervisorError: the supervisor did not live to say it.
        """
        program = self._argv[0]
        last = self._said.strip().rpartition(b"\n")[2]
        try:
            said = json.loads(last)
            ended, exit_code = str(said["ended"]), int(said["exit_code"])
        except (ValueError, KeyError, TypeError) as error:
            raise SupervisorError(
                f"The supervisor of {program} ended with code {self._popen.returncode} before it "
                "could say how the job ended, so that is unknown: look for a process that was "
                f"killed on this machine. It said: {self._said.decode(errors='replace')[-2000:]!r}"
            ) from error
        if ended == "not_started":
            raise CommandStartError(f"{program} can't be started: {said['error']}", program=program)
        return ended, exit_code, tuple(said["left"])

    def _start_supervisor(self) -> subprocess.Popen[bytes]:
        argv = [sys.executable, "-I", "-S", str(_SUPERVISOR), "--grace", str(self._grace_s)]
        argv += ["--parent", str(os.getpid()), *self._files, "--", *self._argv]
        try:
            # The three pipes are the supervisor's alone: no other child of this process, whichever
            # thread starts it, inherits them. A terminal's Ctrl-C is for this process only.
            return subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                env=self._env,
                cwd=self._cwd,
                start_new_session=sys.platform != "win32",
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )
        except (OSError, ValueError) as error:
            # ValueError: a NUL in an argument.
            raise CommandStartError(
                f"{self._argv[0]} can't be started in {self._cwd or Path.cwd()}: {error}",
                program=self._argv[0],
            ) from error

    def _kill_if_overdue(self) -> None:
        """End a supervisor that was asked and neither ended nor used its own kill."""
        if self._kill_at_s is not None and time.monotonic() > self._kill_at_s:
            self._popen.kill()

    def _chunks(self) -> Iterator[bytes]:
        """Yield the output, and b"" at each tick without any, until both streams have ended."""
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
        """Thread: queue the command's output until every process that holds it has ended."""
        for chunk in read_while_owned(_given(self._popen.stdout), self._supervisor_gone):
            if not self._put(chunk):
                return
        self._put(_StreamEnd())

    def _read_report(self) -> None:
        """Thread: collect what the supervisor says; its end is the supervisor's end."""
        self._said = _given(self._popen.stderr).read()
        self._supervisor_gone.set()
        self._put(_StreamEnd())

    def _put(self, event: bytes | _StreamEnd) -> bool:
        """Queue an event; False when nobody will read it any more."""
        while not self._abandon.is_set():
            with contextlib.suppress(queue.Full):
                self._events.put(event, timeout=_TICK_S)
                return True
        return False


class _StreamEnd:
    """Queued once for the output and once for the report."""


def _given(pipe: IO[bytes] | None) -> IO[bytes]:
    """Narrow the type of a pipe that was asked for at the start."""
    if pipe is None:
        raise SupervisorError("The supervisor was started without its pipes")
    return pipe
