"""Run a command and leave none of its processes behind; process.py starts this as a program.

    python -I -S supervisor.py --grace SECONDS --parent PID --remove FILE --folder FOLDER
        --unread FILE --orphan JSON -- COMMAND ARGUMENT...

stdin is the control pipe. At its end (the orchestrator closed it or died, even by SIGKILL) or at
any line, the supervisor ends all processes that the command started: TERM, a bounded wait, KILL. It
does the same with those that remain when the command exits. stdout is the command's stdout and
stderr, by inheritance. stderr is the supervisor's own: at the end it writes one JSON line there,

    {"ended": "exited" | "stopped", "exit_code": N, "left": [PID, ...]}
    {"ended": "not_started", "exit_code": 127, "error": "..."}

and exits with the same code; a death by signal n is 128 + n. `left` are processes that survived
even KILL (of another user, or stuck in the kernel). Before that it removes the file of --remove,
which may hold secrets of the command, and each folder of --folder. The file of --unread, which the
command wrote for the orchestrator, may hold secrets too, and is removed if the orchestrator is
dead. Then the command of --orphan, a JSON list, is run: it ends what the command began elsewhere,
such as an application on a cluster, which nobody else would end.

Linux: a child subreaper, which finds every descendant, in whatever session. macOS: the command's
process group. Windows: a Job Object that dies with the supervisor; a JVM on Windows handles no
TERM, so the end is a KILL at once.

It uses the standard library only and imports nothing of this package: with -I -S nothing of the
job's environment is loaded.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import errno
import importlib.util
import json
import os
import queue
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

NOT_STARTED = 127
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
# A forked process may hold the control pipe open after the parent's death, so the parent is checked
# at this interval too.
_PARENT_CHECK_S = 1.0
_RESCAN_S = 0.05
_KILL_WAIT_S = 10.0
_ORPHAN_WAIT_S = 300.0


class Tree(Protocol):
    """The processes that the command started."""

    def running(self) -> list[int]:
        """Return the ids of the processes that still run."""
        ...

    def send(self, signum: int) -> None:
        """Send a signal to each; skip those that are gone or of another user."""
        ...


class DescendantTree:
    """Linux: all descendants of this process, by /proc; it has to be a subreaper."""

    def running(self) -> list[int]:
        """Return the ids of all descendants except zombies."""
        children: dict[int, list[int]] = {}
        zombies: set[int] = set()
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                # State and parent follow the name in parentheses, which may hold anything.
                fields = (entry / "stat").read_bytes().rpartition(b")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            pid = int(entry.name)
            children.setdefault(int(fields[1]), []).append(pid)
            if fields[0] in (b"Z", b"X"):
                zombies.add(pid)
        descendants: list[int] = []
        todo = [os.getpid()]
        while todo:
            below = children.get(todo.pop(), [])
            descendants += below
            todo += below
        return [pid for pid in descendants if pid not in zombies]

    def send(self, signum: int) -> None:
        """Send a signal to every current descendant."""
        for pid in self.running():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signum)


class GroupTree:
    """macOS: the process group that the command leads."""

    def __init__(self, pgid: int) -> None:
        self._pgid = pgid

    def running(self) -> list[int]:
        """Return the group's id, for the whole group, while it has a process."""
        try:
            os.killpg(self._pgid, 0)
        except ProcessLookupError:
            return []
        except PermissionError:
            # macOS raises this if only zombies remain in the group.
            return []
        return [self._pgid]

    def send(self, signum: int) -> None:
        """Send a signal to the whole group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._pgid, signum)


class PosixSupervisor:
    """A command, its tree, and the events that end it."""

    def __init__(self, argv: Sequence[str], *, grace_s: float, parent: int) -> None:
        self._argv = argv
        self._grace_s = grace_s
        self._parent = parent
        self._exit_code: int | None = None
        self._stop_requested = False
        self._wakeup, wakeup_write = os.pipe()
        os.set_blocking(self._wakeup, False)
        os.set_blocking(wakeup_write, False)
        signal.set_wakeup_fd(wakeup_write, warn_on_full_buffer=False)
        for signum in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(signum, self._request_stop)
        # Handlers, not SIG_IGN, which the command would inherit.
        for signum in (signal.SIGINT, signal.SIGCHLD):
            signal.signal(signum, _only_wake_up)

    def run(self) -> dict[str, object]:
        """Start the command, wait for its end or a request to stop it, and end the tree."""
        is_subreaper = sys.platform == "linux" and _prctl(_PR_SET_CHILD_SUBREAPER, 1)
        child = subprocess.Popen(
            self._argv,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            # If this process is killed, the command dies too. Safe, as this process has no threads.
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )
        _release_stdout()
        tree = DescendantTree() if is_subreaper else GroupTree(child.pid)
        self._wait(child)
        exited = self._exit_code is not None
        surviving = self._end(child, tree)
        child.returncode = self._exit_code if self._exit_code is not None else -signal.SIGKILL
        return {
            "ended": "exited" if exited else "stopped",
            "exit_code": shell_code(child.returncode),
            "left": surviving,
        }

    def _request_stop(self, *_: object) -> None:
        self._stop_requested = True

    def _wait(self, child: subprocess.Popen[bytes]) -> None:
        """Wait until the command has ended or has to be stopped."""
        while True:
            self._reap(child)
            if self._exit_code is not None or self._stop_requested:
                return
            if os.getppid() != self._parent:
                return
            ready = select.select([0, self._wakeup], [], [], _PARENT_CHECK_S)[0]
            if 0 in ready:
                return
            self._drain_wakeup()

    def _end(self, child: subprocess.Popen[bytes], tree: Tree) -> list[int]:
        """Send TERM, wait, send KILL; return the processes that survived."""
        term_until = time.monotonic() + self._grace_s
        kill_until = term_until + _KILL_WAIT_S
        is_term_sent = False
        while True:
            self._reap(child)
            running = tree.running()
            if not running or time.monotonic() > kill_until:
                return running
            if time.monotonic() >= term_until:
                # Repeatedly, as a process may have started another one before it was killed.
                tree.send(signal.SIGKILL)
            elif not is_term_sent:
                tree.send(signal.SIGTERM)
                # A stopped process handles its TERM only after it continues.
                tree.send(signal.SIGCONT)
                is_term_sent = True
            select.select([self._wakeup], [], [], _RESCAN_S)
            self._drain_wakeup()

    def _reap(self, child: subprocess.Popen[bytes]) -> None:
        """Collect every dead child, adopted ones too; keep the command's exit code."""
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
    """Run the command in this process's Job Object, whose processes die with this one."""
    windows_job = _module(Path(__file__).with_name("windows_job.py"))
    owned_folder = _module(Path(__file__).parent.with_name("owned_folder.py"))
    job = windows_job.enter()
    windows_job.use_code_page_of_java()
    # As the output is read; by itself Python takes the code page of the machine for a pipe.
    os.environ.setdefault("PYTHONIOENCODING", "utf-8")
    folder = owned_folder.OwnedFolder(None, "orch-")
    try:
        windows_job.use_temporary_folder(folder.path, argv[0])
        return _run_in_job(argv, windows_job, job)
    finally:
        shutil.rmtree(folder.path, ignore_errors=True)
        folder.release()


def _run_in_job(argv: Sequence[str], windows_job: Any, job: int) -> dict[str, object]:
    events: queue.SimpleQueue[int | None] = queue.SimpleQueue()
    child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT)
    _release_stdout()

    def control() -> None:
        os.read(0, 1)
        events.put(None)

    threading.Thread(target=control, daemon=True).start()
    threading.Thread(target=lambda: events.put(child.wait()), daemon=True).start()
    code = events.get()
    # Windows would do that at this process's end, but keeps open files from being removed before.
    left = windows_job.end_others(job, _KILL_WAIT_S)
    if code is None:
        return {"ended": "stopped", "exit_code": shell_code(-signal.SIGTERM), "left": left}
    return {"ended": "exited", "exit_code": code, "left": left}


def shell_code(returncode: int) -> int:
    """Return 128 + n for a death by signal n (which Python writes as -n)."""
    return returncode if returncode >= 0 else 128 - returncode


def main(arguments: Sequence[str]) -> int:
    """Run as a program; return the exit code."""
    parser = argparse.ArgumentParser(description="Run one command and leave nothing of it behind.")
    parser.add_argument("--grace", type=float, default=5.0, help="seconds between TERM and KILL")
    parser.add_argument("--parent", type=int, default=os.getppid(), help="whose death ends it all")
    parser.add_argument("--remove", type=Path, help="a file that nobody needs afterwards")
    parser.add_argument(
        "--folder", type=Path, action="append", default=[], help="a folder that nobody needs then"
    )
    parser.add_argument("--unread", type=Path, help="a file that only the parent needs")
    parser.add_argument("--orphan", type=json.loads, help="a command to run if the parent is dead")
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
        # ValueError if an argument has a NUL.
        report = {"ended": "not_started", "exit_code": NOT_STARTED, "error": str(error)}
    _remove(options.remove)
    for folder in options.folder:
        shutil.rmtree(folder, ignore_errors=True)
    try:
        os.write(2, json.dumps(report).encode() + b"\n")
        is_orphan = sys.platform != "win32" and os.getppid() != options.parent
    except OSError:
        # The orchestrator is dead; Windows raises EINVAL then.
        is_orphan = True
    if is_orphan:
        _remove(options.unread)
        _run_orphan(options.orphan)
    return int(str(report["exit_code"]))


def _run_orphan(command: Sequence[str] | None) -> None:
    """Run the command for an orchestrator that is dead; nobody is left to hear of a failure."""
    if not command:
        return
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_ORPHAN_WAIT_S,
            check=False,
        )


def _remove(file: Path | None) -> None:
    if file is not None:
        with contextlib.suppress(OSError):
            file.unlink()


def _only_wake_up(*_: object) -> None:
    """Handle a signal that only has to wake the select."""


def _release_stdout() -> None:
    """Redirect stdout to null, so that the output's pipe ends with the command's processes."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)


def _prctl(option: int, value: int) -> bool:
    return ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) == 0


def _die_with_parent() -> None:
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _module(file: Path) -> Any:
    """Return a module that needs the standard library only; -I hides it from an import."""
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise OSError(errno.ENOENT, f"{file} can't be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    exit_code = main(sys.argv[1:])
    # Not sys.exit: on Windows a thread may still read the control pipe, and a code may exceed a
    # signed int.
    os._exit(exit_code if exit_code < 2**31 else exit_code - 2**32)
