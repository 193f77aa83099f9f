"""state.json: the port of a local Kudu's data and the processes that were started."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from orch_dagster.files import write_atomically
from orch_dagster.local_kudu.errors import LocalKuduError
from orch_dagster.local_kudu.place import Place
from orch_dagster.local_kudu.ports import FIRST_PORT, LAST_PORT, ROLES, Ports, Role, program


@dataclass(frozen=True)
class Daemon:
    """A process that was started.

    Attributes:
        role: Its role.
        pid: Its process id, which another process may have got since.
        started_s: Its start in seconds since the boot, which no change of the clock moves.
    """

    role: Role
    pid: int
    started_s: float

    @property
    def name(self) -> str:
        """The daemon's program."""
        return program(self.role)


@dataclass(frozen=True)
class State:
    """The content of state.json.

    Attributes:
        port: The master's port, which is part of its data.
        daemons: The daemons that `orch kudu` started and has not stopped since.
    """

    port: int
    daemons: tuple[Daemon, ...] = ()

    @property
    def ports(self) -> Ports:
        """All four ports."""
        return Ports(self.port)


def read_state(place: Place) -> State | None:
    """Return the state, or None if nothing was ever started.

    Raises:
        LocalKuduError: If the file can't be read, or was damaged.
    """
    try:
        text = place.state_file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LocalKuduError(
            f"{place.state_file} cannot be read ({error}): run this as the user who started the "
            "Kudu"
        ) from error
    try:
        value: dict[str, Any] = json.loads(text)
        ports = Ports(int(value["port"]))
        by_role: dict[str, dict[str, Any]] = value["daemons"]
        daemons = tuple(
            Daemon(role, int(by_role[role]["pid"]), float(by_role[role]["started_s"]))
            for role in ROLES
            if role in by_role
        )
        if not FIRST_PORT <= ports.master <= LAST_PORT or any(each.pid < 1 for each in daemons):
            raise ValueError("a number out of range")
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise LocalKuduError(
            f"{place.state_file} cannot be read ({error!r}): end kudu-master and kudu-tserver by "
            "hand if they run, delete the file, and start with the --port that the data has"
        ) from error
    return State(ports.master, daemons)


def write_state(place: Place, state: State) -> None:
    """Write the state atomically."""
    daemons = {each.role: {"pid": each.pid, "started_s": each.started_s} for each in state.daemons}
    text = json.dumps({"port": state.port, "daemons": daemons}, indent=2)
    write_atomically(place.state_file, text + "\n")
