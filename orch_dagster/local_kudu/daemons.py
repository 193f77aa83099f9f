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

# Where no NTP keeps the clock, as in a container, Kudu starts only with these.
CLOCK_FLAGS = ("--use_hybrid_clock=true", "--time_source=system_unsync", "--unlock_unsafe_flags")
# There is one tablet server, and the default is three replicas.
MASTER_FLAGS = ("--default_num_replicas=1",)

_TERM_GRACE_S = 10.0
_KILL_GRACE_S = 5.0
_POLL_S = 0.1
# Linux gives a start in ticks since the boot, and the boot to the second.
_START_TOLERANCE_S = 2.0


def daemon_argv(role: Role, ports: Ports, place: Place) -> list[str]:
    """The command of a daemon."""
    if role == "master":
        own = [f"--master_addresses={ports.address('master')}", *MASTER_FLAGS]
    else:
        own = [f"--tserver_master_addrs={ports.address('master')}"]
    data = place.data / role
    return [
        str(place.binaries / "bin" / program(role)),
        f"--rpc_bind_addresses={ports.address(role)}",
        f"--webserver_interface={HOST}",
        f"--webserver_port={ports.web(role)}",
        *own,
        *CLOCK_FLAGS,
        "--logtostderr",
        f"--log_dir={place.logs}",
        "--enable_minidumps=false",
        f"--webserver_doc_root={place.binaries / 'www'}",
        f"--fs_wal_dir={data / 'wal'}",
        f"--fs_data_dirs={data / 'data'}",
    ]


def daemon_environ(binaries: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of Kudu's own programs, and of no others: its libraries would break them."""
    libraries = binaries / "lib"
    paths = {"LD_LIBRARY_PATH": str(libraries), "SASL_PATH": str(libraries / "sasl2")}
    return {**environ, **paths}


def find_process(daemon: Daemon) -> psutil.Process | None:
    """The process of a daemon, or None where it ended, whoever has its pid now."""
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
    """Whether it is a zombie, as it stays for good where nothing reaps orphans.

    While its other threads end, which hold its ports, the process is a zombie already.
    """
    import psutil

    return process.status() == psutil.STATUS_ZOMBIE and process.num_threads() <= 1


def _started_s(process: psutil.Process) -> float:
    import psutil

    return process.create_time() - psutil.boot_time()


def running_of(state: State) -> tuple[Daemon, ...]:
    """The daemons of a state that still run."""
    return tuple(daemon for daemon in state.daemons if find_process(daemon))


def spawn(role: Role, ports: Ports, place: Place, environ: Mapping[str, str]) -> Daemon:
    """Start a daemon on its own, so that it outlives this command and its terminal.

    Args:
        role: Which.
        ports: Of the local Kudu.
        place: Where its binaries and data are.
        environ: What its environment is made of.

    Raises:
        LocalKuduError: The system does not start it.
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
            "system that may hold programs"
        ) from error
    return Daemon(role, process.pid, _started_s(psutil.Process(process.pid)))


def stop(daemons: Sequence[Daemon]) -> None:
    """Ask, wait, kill; only processes that are what was started.

    Raises:
        LocalKuduError: One is another user's, or does not end.
    """
    for number, grace_s in ((signal.SIGTERM, _TERM_GRACE_S), (signal.SIGKILL, _KILL_GRACE_S)):
        for daemon in daemons:
            _send(daemon, number)
        if poll(lambda: not any(find_process(one) for one in daemons), grace_s):
            return
    left = ", ".join(f"{one.name} (pid {one.pid})" for one in daemons if find_process(one))
    raise LocalKuduError(f"{left} did not end, not even killed: look at its state by `ps`")


def _send(daemon: Daemon, number: signal.Signals) -> None:
    import psutil

    process = find_process(daemon)
    if process is None:
        return
    try:
        process.send_signal(number)
        # One that is paused takes the signal only when it goes on.
        process.send_signal(signal.SIGCONT)
    except psutil.NoSuchProcess:
        return
    except psutil.AccessDenied as error:
        raise LocalKuduError(
            f"{daemon.name} (pid {daemon.pid}) is another user's: end it as the user who started it"
        ) from error


def poll(true: Callable[[], bool], timeout_s: float) -> bool:
    """Look until something is true; False at the deadline."""
    until = time.monotonic() + timeout_s
    while not true():
        if time.monotonic() >= until:
            return False
        threading.Event().wait(_POLL_S)
    return True
