"""Start, stop and inspect a local Kudu: one master and one tablet server, on loopback only."""

from __future__ import annotations

import platform
import sys
import time
import zipfile
import zlib
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from orch_dagster.files import make_private, scratch_folder
from orch_dagster.local_kudu.daemons import find_process, poll, running_of, spawn, stop
from orch_dagster.local_kudu.errors import LocalKuduError
from orch_dagster.local_kudu.place import Place, place_of
from orch_dagster.local_kudu.ports import (
    DEFAULT_PORT,
    ROLES,
    Ports,
    Role,
    program,
    refuse_taken_ports,
)
from orch_dagster.local_kudu.readiness import tail, why_not_ready
from orch_dagster.local_kudu.state import Daemon, State, read_state, write_state
from orch_dagster.shipped import SHIPPED
from orch_dagster.toolchain.jars import KUDU_BINARY, fetch_artifact, jars_dir

COMPOSE_FILE = SHIPPED / "docs" / "kudu" / "compose.yaml"

_START_TIMEOUT_S = 60.0
_LOCK_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class DaemonStatus:
    """The status of a daemon, for `orch kudu status`."""

    daemon: str
    state: Literal["running", "stopped"]
    pid: int | None
    address: str
    web: str
    uptime_s: float | None
    log: str


@dataclass(frozen=True)
class Status:
    """The status of the local Kudu.

    Attributes:
        ready: Whether it serves clients.
        reason: Why it does not; None if it does.
        control_url: The value of ORCH_CONTROL_URL for this Kudu.
        daemons: A status for each role.
    """

    ready: bool
    reason: str | None
    control_url: str
    daemons: tuple[DaemonStatus, ...]


def check_platform(system: str | None = None, machine: str | None = None) -> None:
    """Refuse every system except the one that the binaries are for.

    Args:
        system: A value of sys.platform; None for this system's.
        machine: A value of platform.machine; None for this system's.

    Raises:
        LocalKuduError: If it is another system; the message says what to do there.
    """
    if (system or sys.platform, machine or platform.machine()) != ("linux", "x86_64"):
        raise LocalKuduError(
            "the binaries of Kudu are for Linux on x86-64 only; here, start one in Docker with "
            f'`docker compose -f "{COMPOSE_FILE}" up -d`, and see docs/kudu.md'
        )


def up(
    home: Path, port: int | None, environ: Mapping[str, str], say: Callable[[str], object]
) -> tuple[Ports, tuple[Daemon, ...]]:
    """Start the daemons that don't run, and wait until clients are served.

    Args:
        home: ORCH_HOME.
        port: The master's port; None for the one that the data has, else 7051.
        environ: The environment of the daemons.
        say: Receives a sentence about each step that takes a while.

    Returns:
        The ports, and the daemons that were started: none if both ran already.

    Raises:
        LocalKuduError: If it can't be started; no daemon of this call is then left running.
        JarError: If the binaries can't be fetched.
        SparkError: If Java or Spark, which fetch them, is missing.
    """
    check_platform()
    place = place_of(home)
    with _alone(place):
        state = _state_for(place, port)
        running = {daemon.role for daemon in state.daemons}
        missing: tuple[Role, ...] = tuple(role for role in ROLES if role not in running)
        refuse_taken_ports(state.ports, missing, has_data=place.has_data())
        if not place.binaries.is_dir():
            say(f"Getting {KUDU_BINARY.coordinates} (36 MB, once for this home) ...")
            unpack(fetch_artifact(KUDU_BINARY, jars_dir(home), environ), place.binaries)
        if missing:
            say(f"Starting {' and '.join(map(program, missing))} ...")
        started = _start(missing, state, place, environ)
    return state.ports, started


def _state_for(place: Place, port: int | None) -> State:
    """Return the daemons that run and the port of the local Kudu, which may be a new one."""
    state = read_state(place)
    running = running_of(state) if state else ()
    if state is None or not (running or place.has_data()):
        return State(port or DEFAULT_PORT)
    if port not in (None, state.port):
        raise LocalKuduError(
            f"the data in {place.data} is of a Kudu on port {state.port}, which is part of the "
            f"data: leave --port out, or start over: `orch kudu down`, then delete {place.data}"
        )
    return State(state.port, running)


def unpack(jar: Path, folder: Path) -> None:
    """Unpack the binaries, completely or not at all.

    Args:
        jar: The artifact, which holds one folder of the name of `folder`.
        folder: The folder to create.

    Raises:
        LocalKuduError: If the artifact is incomplete, or the disk is full.
    """
    make_private(folder.parent)
    with scratch_folder(folder.parent, ".unpack-") as scratch:
        try:
            with zipfile.ZipFile(jar) as archive:
                archive.extractall(scratch)
            unpacked = scratch / folder.name
            for binary in (unpacked / "bin").iterdir():
                # The artifact is a zip without modes.
                binary.chmod(0o755)
            unpacked.rename(folder)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
            raise LocalKuduError(
                f"{jar} could not be unpacked into {folder.parent} ({error}): if the disk is not "
                "full, delete that file, and it is fetched again"
            ) from error


def _start(
    roles: Sequence[Role], state: State, place: Place, environ: Mapping[str, str]
) -> tuple[Daemon, ...]:
    """Start daemons beside those of the state and wait until all serve; on an error stop them."""
    started: list[Daemon] = []
    try:
        for role in roles:
            started.append(spawn(role, state.ports, place, environ))
            # At once, so that `orch kudu down` finds the daemon even if this process is killed.
            write_state(place, replace(state, daemons=(*state.daemons, *started)))
        _wait_until_ready((*state.daemons, *started), state.ports, place)
    except BaseException:
        stop(started)
        if started:
            write_state(place, state)
        raise
    return tuple(started)


def _wait_until_ready(daemons: Sequence[Daemon], ports: Ports, place: Place) -> None:
    reason: str | None = None

    def is_ready() -> bool:
        nonlocal reason
        for daemon in daemons:
            if find_process(daemon) is None:
                log = place.log(daemon.role)
                raise LocalKuduError(
                    f"{daemon.name} ended while it started; its log {log} ends with:\n{tail(log)}"
                )
        reason = why_not_ready(ports, place)
        return reason is None

    if not poll(is_ready, _START_TIMEOUT_S):
        raise LocalKuduError(
            f"Kudu was not ready after {_START_TIMEOUT_S:.0f} s: {reason}; its logs are in "
            f"{place.logs}; `orch kudu down` and `orch kudu up` restart both daemons"
        )


def down(home: Path) -> tuple[Daemon, ...]:
    """Stop the daemons; keep their data.

    Args:
        home: ORCH_HOME.

    Returns:
        The daemons that were stopped.

    Raises:
        LocalKuduError: If a daemon can't be stopped, or Kudu's binaries are for another system.
    """
    check_platform()
    place = place_of(home)
    # First without the lock, which would create the folder.
    if read_state(place) is None:
        return ()
    with _alone(place):
        state = read_state(place)
        running = running_of(state) if state else ()
        stop(running)
        if state:
            write_state(place, replace(state, daemons=()))
    return running


def status(home: Path) -> Status:
    """Return the status of both daemons.

    Args:
        home: ORCH_HOME.

    Raises:
        LocalKuduError: If Kudu's binaries are for another system.
    """
    check_platform()
    place = place_of(home)
    state = read_state(place) or State(DEFAULT_PORT)
    daemons = {daemon.role: daemon for daemon in state.daemons}
    statuses = tuple(_daemon_status(role, daemons.get(role), state.ports, place) for role in ROLES)
    stopped = [each.daemon for each in statuses if each.state == "stopped"]
    if stopped:
        reason = f"{' and '.join(stopped)} not running, `orch kudu up` starts what is missing"
    else:
        reason = why_not_ready(state.ports, place)
    return Status(reason is None, reason, state.ports.control_url, statuses)


def _daemon_status(role: Role, daemon: Daemon | None, ports: Ports, place: Place) -> DaemonStatus:
    running = daemon if daemon and find_process(daemon) else None
    return DaemonStatus(
        daemon=program(role),
        state="running" if running else "stopped",
        pid=running.pid if running else None,
        address=ports.address(role),
        web=ports.web_url(role),
        uptime_s=round(_since_boot_s() - running.started_s, 1) if running else None,
        log=str(place.log(role)),
    )


def _since_boot_s() -> float:
    # The clock of the starts of processes.
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@contextmanager
def _alone(place: Place) -> Generator[None]:
    """Hold the lock that allows one command at a time; the system frees a killed command's."""
    # Windows has no fcntl, and no daemons of Kudu either.
    import fcntl

    make_private(place.root)
    with (place.root / "lock").open("w") as lock:

        def is_acquired() -> bool:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        if not poll(is_acquired, _LOCK_TIMEOUT_S):
            raise LocalKuduError(
                f"another `orch kudu` command runs in {place.root}: wait for its end"
            )
        yield
