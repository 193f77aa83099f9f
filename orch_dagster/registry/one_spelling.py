"""Spell each location one way, so that equal texts are one folder. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable

from framework.contract.paths import IGNORES_CASE, as_compared, is_local, normal

_START = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]+):(?://(?P<server>[^/]*))?")
# One store has several schemes, by its client.
_SCHEMES = {
    **{"s3": "s3a", "s3n": "s3a"},
    **{"webhdfs": "hdfs", "swebhdfs": "hdfs"},
    **{"abfss": "abfs", "wasb": "abfs", "wasbs": "abfs"},
}
_PORTS = {"hdfs": ":8020", "webhdfs": ":9870", "swebhdfs": ":9871"}


def spelling(
    locations: Iterable[str], base: str, *, ignores_case: bool = IGNORES_CASE
) -> Callable[[str], str]:
    """Return what spells a location as the others of its file system are.

    >>> one = spelling(["hdfs://nn/t"], "/data", ignores_case=False)
    >>> one("HDFS://NN:8020/t/x"), one("hdfs:///t"), one("s3n://B/x")
    ('hdfs://nn/t/x', 'hdfs://nn/t', 's3a://B/x')

    Args:
        locations: All that are to be compared.
        base: Where relative paths start.
        ignores_case: Whether local names count as equal if they differ by case.
    """
    servers: dict[str, set[str]] = defaultdict(set)
    for start in {match[0] for each in (base, *locations) if (match := _START.match(each))}:
        scheme, server = _scheme_and_server(start)
        servers[scheme].add(server)
    # A URL without a server is on the default one, which Spark's configuration names. It can only
    # be the one that the others name.
    default = {
        scheme: next(iter(named))
        for scheme, every in servers.items()
        if len(named := every - {""}) == 1
    }
    starts: dict[str, str] = {}

    def spelled(location: str) -> str:
        if is_local(location):
            return as_compared(location, ignores_case=ignores_case)
        match = _START.match(location)
        start = match[0] if match else ""
        if start not in starts:
            scheme, server = _scheme_and_server(start)
            starts[start] = f"{scheme}://{server or default.get(scheme, '')}"
        return normal(starts[start] + location[len(start) :])

    return spelled


def _scheme_and_server(start: str) -> tuple[str, str]:
    match = _START.match(start)
    scheme, server = (match["scheme"].lower(), match["server"] or "") if match else ("", "")
    if scheme in _PORTS:
        server = server.lower().removesuffix(_PORTS[scheme])
    scheme = _SCHEMES.get(scheme, scheme)
    if scheme == "abfs":
        # The two kinds of clients have an endpoint each of the same account.
        server = server.lower().replace(".blob.", ".dfs.")
    return scheme, server
