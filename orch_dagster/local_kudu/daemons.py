"""Start, find and stop the daemons of a local Kudu."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from orch_dagster.local_kudu.errors import LocalKuduError
from orch_dagster.local_kudu.place import Place
from orch_dagster.local_kudu.ports import HOST, Ports, Role, program
from orch_dagster.local_kudu.state import Daemon, State

if TYPE_CHECKING:
    import psutil

# Without NTP, as in a container, Kudu starts only with these.
CLOCK_FLAGS = ("--use_hybrid_clock=true", "--time_source=system_unsync", "--unlock_unsafe_flags")
# Kudu's default of three replicas needs three tablet servers.
MASTER_FLAGS = ("--default_num_replicas=1",)

_TERM_GRACE_S = 10.0
_KILL_GRACE_S = 5.0
_POLL_S = 0.1
# Linux has the time of the boot in whole seconds only.
_START_TOLERANCE_S = 2.0


def daemon_argv(role: Role, ports: Ports, place: Place) -> list[str]:
    """Build the command of a daemon."""
    if role == "master":
        role_flags = [f"--master_addresses={ports.address('master')}", *MASTER_FLAGS]
    else:
        role_flags = [f"--tserver_master_addrs={ports.address('master')}"]
    data = place.data / role
    return [
        str(place.binaries / "bin" / program(role)),
        f"--rpc_bind_addresses={ports.address(role)}",
        f"--webserver_interface={HOST}",
        f"--webserver_port={ports.web(role)}",
        *role_flags,
        *CLOCK_FLAGS,
        "--logtostderr",
        f"--log_dir={place.logs}",
        "--enable_minidumps=false",
        f"--webserver_doc_root={place.binaries / 'www'}",
        f"--fs_wal_dir={data / 'wal'}",
        f"--fs_data_dirs={data / 'data'}",
    ]


def daemon_environ(binaries: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of Kudu's programs; its libraries would break other programs."""
    libraries = binaries / "lib"
    paths = {"LD_LIBRARY_PATH": str(libraries), "SASL_PATH": str(libraries / "sasl2")}
    return {**environ, **paths}


def find_process(daemon: Daemon) -> psutil.Process | None:
    """Return the process of a daemon, or None if it ended, even if its pid was reused."""
    import psutil

    try:
        process = psutil.Process(daemon.pid)
        if _has_ended(process) or process.name() != daemon.name:
            return None
        is_same = abs(_started_s(process) - daemon.started_s) <= _START_TOLERANCE_S
    except psutil.NoSuchProcess:
        return None
    return process if is_same else None


def _has_ended(process: psutil.Process) -> bool:
    """Return whether it is a zombie without other threads.

    A zombie remains if nothing reaps orphans; its ports are held until its last thread ends.
    """
    import psutil

    return process.status() == psutil.STATUS_ZOMBIE and process.num_threads() <= 1


def _started_s(process: psutil.Process) -> float:
    import psutil

    return process.create_time() - psutil.boot_time()


def running_of(state: State) -> tuple[Daemon, ...]:
    """Return the daemons of a state that still run."""
    return tuple(daemon for daemon in state.daemons if find_process(daemon))


def spawn(role: Role, ports: Ports, place: Place, environ: Mapping[str, str]) -> Daemon:
    """Start a daemon in a session of its own, so that it outlives this command and its terminal.

    Args:
        role: The daemon's role.
        ports: The ports of the local Kudu.
        place: The place of its binaries and data.
        environ: The variables that its environment is based on.

    Raises:
        LocalKuduError: If the system can't start it.
    """
    import psutil

    (place.data / role).mkdir(parents=True, exist_ok=True)
    place.logs.mkdir(parents=True, exist_ok=True)
    argv = daemon_argv(role, ports, place)
    try:
        with place.log(role).open("ab") as log:
            process = subprocess.Popen(
                argv,
                env=daemon_environ(place.binaries, environ),
                cwd=place.root,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
    except OSError as error:
        raise LocalKuduError(
            f"{argv[0]} could not be started ({error}): it needs a Linux with glibc, and a file "
            "system that is not mounted with noexec"
        ) from error
    return Daemon(role, process.pid, _started_s(psutil.Process(process.pid)))


def stop(daemons: Sequence[Daemon]) -> None:
    """Terminate the daemons, wait, and kill those that remain; signal no other process.

    Raises:
        LocalKuduError: If a daemon is another user's, or does not end.
    """
    for number, grace_s in ((signal.SIGTERM, _TERM_GRACE_S), (signal.SIGKILL, _KILL_GRACE_S)):
        for daemon in daemons:
            _send(daemon, number)
        if poll(lambda: not any(map(find_process, daemons)), grace_s):
            return
    running = ", ".join(f"{each.name} (pid {each.pid})" for each in filter(find_process, daemons))
    raise LocalKuduError(f"{running} did not end, not even by SIGKILL: check its state by `ps`")


def _send(daemon: Daemon, number: signal.Signals) -> None:
    import psutil

    process = find_process(daemon)
    if process is None:
        return
    try:
        process.send_signal(number)
        # A paused process handles the signal only after it continues.
        process.send_signal(signal.SIGCONT)
    except psutil.NoSuchProcess:
        return
    except psutil.AccessDenied as error:
        raise LocalKuduError(
            f"{daemon.name} (pid {daemon.pid}) is another user's: stop it as the user who started "
            "it"
        ) from error


def poll(condition: Callable[[], bool], timeout_s: float) -> bool:
    """Check a condition until it is true; return False at the deadline."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() >= deadline:
            return False
        threading.Event().wait(_POLL_S)
    return True
