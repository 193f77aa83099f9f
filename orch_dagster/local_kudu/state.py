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
        role: What it serves as.
        pid: Its process id, which another process may have by now.
        started_s: When it started, in seconds since the boot: no change of the clock moves it.
    """

    role: Role
    pid: int
    started_s: float

    @property
    def name(self) -> str:
        """Its program."""
        return program(self.role)


@dataclass(frozen=True)
class State:
    """What state.json keeps.

    Attributes:
        port: The master's, which is part of its data.
        daemons: Those that were started and not ended by us since.
    """

    port: int
    daemons: tuple[Daemon, ...] = ()

    @property
    def ports(self) -> Ports:
        """All four ports."""
        return Ports(self.port)


def read_state(place: Place) -> State | None:
    """What was started, or None where nothing ever was.

    Raises:
        LocalKuduError: The file is not as it is written.
    """
    try:
        text = place.state_file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LocalKuduError(
            f"{place.state_file} cannot be read ({error}): be the user who started this Kudu"
        ) from error
    try:
        value: dict[str, Any] = json.loads(text)
        ports = Ports(int(value["port"]))
        known: dict[str, dict[str, Any]] = value["daemons"]
        daemons = tuple(
            Daemon(role, int(known[role]["pid"]), float(known[role]["started_s"]))
            for role in ROLES
            if role in known
        )
        if not FIRST_PORT <= ports.master <= LAST_PORT or any(one.pid < 1 for one in daemons):
            raise ValueError("a number out of its range")
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise LocalKuduError(
            f"{place.state_file} cannot be read ({error!r}): end kudu-master and kudu-tserver by "
            "hand if they run, delete the file, and start with the --port that the data has"
        ) from error
    return State(ports.master, daemons)


def write_state(place: Place, state: State) -> None:
    """Keep what was started."""
    daemons = {one.role: {"pid": one.pid, "started_s": one.started_s} for one in state.daemons}
    text = json.dumps({"port": state.port, "daemons": daemons}, indent=2)
    write_atomically(place.state_file, text + "\n")
