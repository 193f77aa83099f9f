"""The daemons of a local Kudu and their ports on loopback."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from orch_dagster.local_kudu.errors import LocalKuduError

Role = Literal["master", "tserver"]
ROLES: tuple[Role, ...] = ("master", "tserver")

HOST = "127.0.0.1"
DEFAULT_PORT = 7051
# The tablet server is one below the master, the web pages a thousand above.
FIRST_PORT, LAST_PORT = 1025, 64_535


def program(role: Role) -> str:
    """Return the program of a role, which is also the name of its process."""
    return f"kudu-{role}"


@dataclass(frozen=True)
class Ports:
    """The four ports of a local Kudu.

    Attributes:
        master: The master's port, from which the others follow.
    """

    master: int = DEFAULT_PORT

    def rpc(self, role: Role) -> int:
        """Return the port on which a daemon serves clients."""
        return self.master if role == "master" else self.master - 1

    def web(self, role: Role) -> int:
        """Return the port of a daemon's web page."""
        return self.rpc(role) + 1000

    def address(self, role: Role) -> str:
        """Return ``host:port`` for clients."""
        return f"{HOST}:{self.rpc(role)}"

    def web_url(self, role: Role) -> str:
        """Return the URL of a daemon's web page."""
        return f"http://{HOST}:{self.web(role)}"

    @property
    def control_url(self) -> str:
        """The value of ORCH_CONTROL_URL for this Kudu."""
        return f"kudu://{self.address('master')}"


def refuse_taken_ports(ports: Ports, roles: Sequence[Role], *, has_data: bool) -> None:
    """Refuse to start daemons whose ports are in use.

    Args:
        ports: The ports of the local Kudu.
        roles: The daemons to be started.
        has_data: Whether there is data, which fixes the ports.

    Raises:
        LocalKuduError: If ports are taken; it names each and its process.
    """
    wanted = sorted(port for role in roles for port in (ports.rpc(role), ports.web(role)))
    taken = [port for port in wanted if not _is_free(port)]
    if not taken:
        return
    holders = _holders()
    named = [f"{port} (by {holders[port]})" if port in holders else f"{port}" for port in taken]
    other = "" if has_data else ", or choose another port by --port"
    raise LocalKuduError(
        f"ports of {HOST} that Kudu needs are taken: {', '.join(named)}; end their processes{other}"
    )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # Kudu sets this too, so lingering connections of an earlier daemon don't count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _holders() -> dict[int, str]:
    """Return the process that listens on each port, as far as this user may see it."""
    import psutil

    holders: dict[int, str] = {}
    for connection in psutil.net_connections("tcp"):
        if connection.status != psutil.CONN_LISTEN or not (connection.pid and connection.laddr):
            continue
        with suppress(psutil.NoSuchProcess):
            name = psutil.Process(connection.pid).name()
            holders[connection.laddr.port] = f"{name}, pid {connection.pid}"
    return holders
