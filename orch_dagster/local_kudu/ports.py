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
    """The program of a role, which is also the name of its process."""
    return f"kudu-{role}"


@dataclass(frozen=True)
class Ports:
    """The four ports of a local Kudu.

    Attributes:
        master: The master's, from which the others follow.
    """

    master: int = DEFAULT_PORT

    def rpc(self, role: Role) -> int:
        """Where a daemon serves clients."""
        return self.master if role == "master" else self.master - 1

    def web(self, role: Role) -> int:
        """Where a daemon has its web page."""
        return self.rpc(role) + 1000

    def address(self, role: Role) -> str:
        """host:port for clients."""
        return f"{HOST}:{self.rpc(role)}"

    def web_url(self, role: Role) -> str:
        """A daemon's web page."""
        return f"http://{HOST}:{self.web(role)}"

    @property
    def control_url(self) -> str:
        """For ORCH_CONTROL_URL."""
        return f"kudu://{self.address('master')}"


def refuse_taken_ports(ports: Ports, roles: Sequence[Role], *, has_data: bool) -> None:
    wanted = sorted(port for role in roles for port in (ports.rpc(role), ports.web(role)))
    taken = [port for port in wanted if not _is_free(port)]
    if not taken:
        return
    holders = _holders()
    named = [f"{port} (by {holders[port]})" if port in holders else f"{port}" for port in taken]
    other = "" if has_data else ", or choose another port by --port"
    raise LocalKuduError(
        f"ports of {HOST} that Kudu needs are taken: {', '.join(named)}; end what has them{other}"
    )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As Kudu itself does it: connections that linger from an earlier daemon are no hindrance.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _holders() -> dict[int, str]:
    """Who listens on which port, as far as the system tells."""
    import psutil

    found: dict[int, str] = {}
    for connection in psutil.net_connections("tcp"):
        if connection.status != psutil.CONN_LISTEN or not (connection.pid and connection.laddr):
            continue
        with suppress(psutil.NoSuchProcess):
            name = psutil.Process(connection.pid).name()
            found[connection.laddr.port] = f"{name}, pid {connection.pid}"
    return found
