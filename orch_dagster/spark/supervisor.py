"""Run one command and leave nothing of it behind; started by process.py as a program of its own.

    python -I -S supervisor.py --grace SECONDS --parent PID --remove FILE --unread FILE --
        COMMAND ARGUMENT...

stdin is the control pipe. At its end (the orchestrator closed it or died, even by SIGKILL) or at
any line, everything that the command started is ended: TERM, a bounded wait, KILL. What is left
when the command ends by itself is ended too. stdout is the command's stdout and stderr, by
inheritance. stderr is the supervisor's alone: when all is over it writes one JSON line there,

    {"ended": "exited" | "stopped", "exit_code": N, "left": [PID, ...]}
    {"ended": "not_started", "exit_code": 127, "error": "..."}

and exits with the same code; a death by signal n is 128 + n. `left` names processes that outlived
even KILL (of another user, or stuck in the kernel). The file of --remove, where one is named, is
removed before that: it may hold secrets of the command. So may what the command wrote to the file
of --unread for the orchestrator, and that is removed where nobody is left to read it.

Linux: a child subreaper, so that every descendant is found, whatever session it made. macOS: the
command's process group. Windows: a Job Object that dies with the supervisor; there is no TERM that
a JVM on Windows would heed, so the end is a KILL at once. The Windows half was written from the
documentation and has not been run by its author.

Stdlib only, and no import of this package: with -I -S nothing of the job's environment loads here.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import errno
import json
import os
import queue
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

NOT_STARTED = 127
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
# How often it is looked whether the parent is still the same: only for the case that a forked
# process holds the control pipe open after the parent's death.
_PARENT_CHECK_S = 1.0
_RESCAN_S = 0.05
_KILL_WAIT_S = 10.0


class Tree(Protocol):
    """The processes that come from the command."""

    def living(self) -> list[int]:
        """Return the ids of those that still run."""
        ...

    def send(self, signum: int) -> None:
        """Send a signal to each; one that is gone or not ours is passed over."""
        ...


class DescendantTree:
    """Linux: all that descends from this process, found in /proc; it has to be a subreaper."""

    def living(self) -> list[int]:
        """Return the ids of all descendants but zombies."""
        children: dict[int, list[int]] = {}
        zombies: set[int] = set()
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                # The name, in parentheses, may hold anything; state and parent come after it.
                fields = (entry / "stat").read_bytes().rpartition(b")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            pid = int(entry.name)
            children.setdefault(int(fields[1]), []).append(pid)
            if fields[0] in (b"Z", b"X"):
                zombies.add(pid)
        found: list[int] = []
        todo = [os.getpid()]
        while todo:
            below = children.get(todo.pop(), [])
            found += below
            todo += below
        return [pid for pid in found if pid not in zombies]

    def send(self, signum: int) -> None:
        """Send a signal to every descendant there is now."""
        for pid in self.living():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signum)


class GroupTree:
    """macOS: the process group that the command leads."""

    def __init__(self, pgid: int) -> None:
        self._pgid = pgid

    def living(self) -> list[int]:
        """Return the group's id (it stands for all of the group) while anyone is in it."""
        try:
            os.killpg(self._pgid, 0)
        except ProcessLookupError:
            return []
        except PermissionError:
            # macOS says so of a group in which only zombies are left.
            return []
        return [self._pgid]

    def send(self, signum: int) -> None:
        """Send a signal to the whole group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._pgid, signum)


class PosixSupervisor:
    """One command, its tree, and the events that end it."""

    def __init__(self, argv: Sequence[str], *, grace_s: float, parent: int) -> None:
        self._argv = argv
        self._grace_s = grace_s
        self._parent = parent
        self._exit_code: int | None = None
        self._asked = False
        self._wakeup, wakeup_write = os.pipe()
        os.set_blocking(self._wakeup, False)
        os.set_blocking(wakeup_write, False)
        signal.set_wakeup_fd(wakeup_write, warn_on_full_buffer=False)
        for signum in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(signum, self._ask)
        # Handlers, not SIG_IGN: what is ignored here would be ignored by the command too.
        for signum in (signal.SIGINT, signal.SIGCHLD):
            signal.signal(signum, _only_wake_up)

    def run(self) -> dict[str, object]:
        """Start the command, wait for its end or the order to end it, end the tree."""
        is_subreaper = sys.platform == "linux" and _prctl(_PR_SET_CHILD_SUBREAPER, 1)
        child = subprocess.Popen(
            self._argv,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            # If this process is killed, the command goes too. There are no threads here.
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )
        _let_go_of_stdout()
        tree = DescendantTree() if is_subreaper else GroupTree(child.pid)
        self._wait(child)
        exited = self._exit_code is not None
        left = self._end(child, tree)
        child.returncode = self._exit_code if self._exit_code is not None else -signal.SIGKILL
        return {
            "ended": "exited" if exited else "stopped",
            "exit_code": shell_code(child.returncode),
            "left": left,
        }

    def _ask(self, *_: object) -> None:
        self._asked = True

    def _wait(self, child: subprocess.Popen[bytes]) -> None:
        """Return when the command has ended or its end was ordered."""
        while True:
            self._reap(child)
            if self._exit_code is not None or self._asked or os.getppid() != self._parent:
                return
            ready = select.select([0, self._wakeup], [], [], _PARENT_CHECK_S)[0]
            if 0 in ready:
                return
            self._drain_wakeup()

    def _end(self, child: subprocess.Popen[bytes], tree: Tree) -> list[int]:
        """TERM, wait, KILL; return what outlived even that."""
        term_until = time.monotonic() + self._grace_s
        kill_until = term_until + _KILL_WAIT_S
        asked_nicely = False
        while True:
            self._reap(child)
            left = tree.living()
            if not left or time.monotonic() > kill_until:
                return left
            if time.monotonic() >= term_until:
                # Again and again, since a process may have been born between look and kill.
                tree.send(signal.SIGKILL)
            elif not asked_nicely:
                tree.send(signal.SIGTERM)
                # A stopped process would never see its TERM.
                tree.send(signal.SIGCONT)
                asked_nicely = True
            select.select([self._wakeup], [], [], _RESCAN_S)
            self._drain_wakeup()

    def _reap(self, child: subprocess.Popen[bytes]) -> None:
        """Collect every dead child, adopted ones too; keep the command's own end."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == child.pid:
                self._exit_code = os.waitstatus_to_exitcode(status)

    def _drain_wakeup(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while os.read(self._wakeup, 4096):
                pass


def run_windows(argv: Sequence[str]) -> dict[str, object]:
    """Start the command in this process's Job Object; what is left dies when this process ends."""
    events: queue.SimpleQueue[int | None] = queue.SimpleQueue()
    _enter_job_object()
    child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT)
    _let_go_of_stdout()

    def control() -> None:
        os.read(0, 1)
        events.put(None)

    threading.Thread(target=control, daemon=True).start()
    threading.Thread(target=lambda: events.put(child.wait()), daemon=True).start()
    code = events.get()
    if code is None:
        return {"ended": "stopped", "exit_code": shell_code(-signal.SIGTERM), "left": []}
    return {"ended": "exited", "exit_code": code, "left": []}


def shell_code(returncode: int) -> int:
    """Return 128 + n for a death by signal n (which Python writes as -n)."""
    return returncode if returncode >= 0 else 128 - returncode


def main(arguments: Sequence[str]) -> int:
    """Run as a program; return the exit code."""
    parser = argparse.ArgumentParser(description="Run one command and leave nothing of it behind.")
    parser.add_argument("--grace", type=float, default=5.0, help="seconds between TERM and KILL")
    parser.add_argument("--parent", type=int, default=os.getppid(), help="whose death ends it all")
    parser.add_argument("--remove", type=Path, help="a file that nobody needs afterwards")
    parser.add_argument("--unread", type=Path, help="a file that only the parent needs")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args(arguments)
    try:
        if sys.platform == "win32":
            report = run_windows(options.command)
        else:
            report = PosixSupervisor(
                options.command, grace_s=options.grace, parent=options.parent
            ).run()
    except (OSError, ValueError) as error:
        # ValueError: a NUL in an argument.
        report = {"ended": "not_started", "exit_code": NOT_STARTED, "error": str(error)}
    _remove(options.remove)
    try:
        os.write(2, json.dumps(report).encode() + b"\n")
    except OSError:
        # The orchestrator is dead, so there is nobody left to tell; Windows says EINVAL then.
        _remove(options.unread)
    return int(str(report["exit_code"]))


def _remove(file: Path | None) -> None:
    if file is not None:
        with contextlib.suppress(OSError):
            file.unlink()


def _only_wake_up(*_: object) -> None:
    """Handle a signal of which only the arrival matters."""


def _let_go_of_stdout() -> None:
    """From here on the pipe of the output ends when the command's processes end."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)


def _prctl(option: int, value: int) -> bool:
    return ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) == 0


def _die_with_parent() -> None:
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _enter_job_object() -> None:
    """Put this process, and so all that it starts, into a job that is killed when it ends.

    The only handle of the job belongs to this process and is not inherited: however this process
    ends, Windows closes the handle and with it kills the rest. Needs Windows 8 or newer, where a
    process that is in a job already may enter a nested one.
    """
    kernel = ctypes.WinDLL("kernel32", use_last_error=True)  # pyright: ignore
    kernel.CreateJobObjectW.restype = ctypes.c_void_p
    kernel.CreateJobObjectW.argtypes = (ctypes.c_void_p, ctypes.c_wchar_p)
    kernel.GetCurrentProcess.restype = ctypes.c_void_p
    kernel.SetInformationJobObject.argtypes = (
        ctypes.c_void_p,
        ctypes.c_int,
        ctypes.c_void_p,
        ctypes.c_uint32,
    )
    kernel.AssignProcessToJobObject.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
    job = kernel.CreateJobObjectW(None, None)
    limits = _ExtendedLimits()
    limits.basic.limit_flags = 0x2000  # JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
    done = (
        job
        and kernel.SetInformationJobObject(job, 9, ctypes.byref(limits), ctypes.sizeof(limits))
        and kernel.AssignProcessToJobObject(job, kernel.GetCurrentProcess())
    )
    if not done:
        code = ctypes.get_last_error()  # pyright: ignore
        raise OSError(errno.EPERM, f"no Windows Job Object could be set up (error {code})")


class _BasicLimits(ctypes.Structure):
    """JOBOBJECT_BASIC_LIMIT_INFORMATION."""

    _fields_ = (
        ("per_process_user_time_limit", ctypes.c_int64),
        ("per_job_user_time_limit", ctypes.c_int64),
        ("limit_flags", ctypes.c_uint32),
        ("minimum_working_set_size", ctypes.c_size_t),
        ("maximum_working_set_size", ctypes.c_size_t),
        ("active_process_limit", ctypes.c_uint32),
        ("affinity", ctypes.c_size_t),
        ("priority_class", ctypes.c_uint32),
        ("scheduling_class", ctypes.c_uint32),
    )


class _ExtendedLimits(ctypes.Structure):
    """JOBOBJECT_EXTENDED_LIMIT_INFORMATION."""

    _fields_ = (
        ("basic", _BasicLimits),
        ("io_counters", ctypes.c_uint64 * 6),
        ("process_memory_limit", ctypes.c_size_t),
        ("job_memory_limit", ctypes.c_size_t),
        ("peak_process_memory_used", ctypes.c_size_t),
        ("peak_job_memory_used", ctypes.c_size_t),
    )


if __name__ == "__main__":
    exit_code = main(sys.argv[1:])
    # Not sys.exit: on Windows a thread may still wait for the control pipe, and codes may be
    # larger than a signed int.
    os._exit(exit_code if exit_code < 2**31 else exit_code - 2**32)
