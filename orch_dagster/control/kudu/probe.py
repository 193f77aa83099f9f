"""Probe by a plain socket what listens at an address of Kudu; this needs no Kudu client."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum
from itertools import repeat

_PROBE_TIMEOUT_S = 2.0

# A client's first message (rpc_header.proto): the magic of the protocol, version 9, then a request
# to negotiate (call -33) that offers TLS and every login. Each part has its length before it.
_HEADER = b"\x18\xdf\xff\xff\xff\xff\xff\xff\xff\xff\x01"
_NEGOTIATE = b"\x08\x01\x08\x02\x08\x03" + b"\x10\x01" + b"\x3a\x02\x0a\x00"
_REQUEST = bytes([len(_HEADER)]) + _HEADER + bytes([len(_NEGOTIATE)]) + _NEGOTIATE
_HELLO = b"hrpc\x09\x00\x00" + len(_REQUEST).to_bytes(4, "big") + _REQUEST
# Marks an error in an answer's header, after its length and the number of the call.
_IS_ERROR = b"\x10\x01"
_HEADER_AT = 4


class Answer(Enum):
    """The ways in which a socket answers."""

    KUDU = "Kudu answers"
    UNAUTHORIZED = "Kudu answers and refuses the login"
    UNKNOWN_HOST = "this host name is unknown here"
    REFUSED = "nothing listens there"
    UNREACHABLE = "it can't be reached"
    RESET = "it accepts a connection and resets it"
    SILENT = "it accepts a connection and does not answer: paused, or not Kudu"


@dataclass(frozen=True)
class Probed:
    """An address and its answer."""

    address: str
    answer: Answer

    def __str__(self) -> str:
        return f"{self.address}: {self.answer.value}"


def probe_all(addresses: Sequence[str], timeout_s: float = _PROBE_TIMEOUT_S) -> list[Probed]:
    """Probe several addresses at once, so that one wait is enough."""
    with ThreadPoolExecutor(max(1, len(addresses))) as pool:
        return [*pool.map(probe, addresses, repeat(timeout_s))]


def probe(address: str, timeout_s: float = _PROBE_TIMEOUT_S) -> Probed:
    """Send Kudu's handshake to ``host:port`` and classify the answer.

    Args:
        address: The address of a master or a tablet server.
        timeout_s: The limit for the connection, and again for the answer.
    """
    host, _, port = address.rpartition(":")
    try:
        connection = socket.create_connection((host.strip("[]"), int(port)), timeout_s)
    except socket.gaierror:
        return Probed(address, Answer.UNKNOWN_HOST)
    except ConnectionRefusedError:
        return Probed(address, Answer.REFUSED)
    except OSError:
        return Probed(address, Answer.UNREACHABLE)
    with connection:
        try:
            connection.sendall(_HELLO)
            answer = _meaning(connection.recv(64))
        except TimeoutError:
            answer = Answer.SILENT
        except OSError:
            answer = Answer.RESET
    return Probed(address, answer)


def _meaning(reply: bytes) -> Answer:
    if not reply:
        return Answer.RESET
    header = reply[_HEADER_AT + 1 : _HEADER_AT + 1 + reply[_HEADER_AT]] if len(reply) > 4 else b""
    return Answer.UNAUTHORIZED if header.endswith(_IS_ERROR) else Answer.KUDU
