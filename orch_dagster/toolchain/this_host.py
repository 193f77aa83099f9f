"""Name this machine, as a Spark master may be on it."""

from __future__ import annotations

import socket
from functools import cache

_FAMILIES = (socket.AF_INET, socket.AF_INET6)


@cache
def own_hosts() -> frozenset[str]:
    """Return the names and addresses of this machine, in lower case, without asking a server."""
    import psutil

    name = socket.gethostname().lower()
    every = (each for of_card in psutil.net_if_addrs().values() for each in of_card)
    # Not those of the cards themselves.
    addresses = (each.address for each in every if each.family in _FAMILIES)
    # Those of a link end in %eth0.
    return frozenset({name, name.partition(".")[0], *(a.partition("%")[0] for a in addresses)})
