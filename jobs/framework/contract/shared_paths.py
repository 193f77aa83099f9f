"""Tell which paths of a job its executors can't see, as they run on other machines. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from framework.contract.context_params import ContextParams
from framework.contract.native_paths import quoted_path, with_native_paths
from framework.contract.paths import is_local, is_within, resolve

REMEDY = (
    "Put the data on a file system that all nodes reach, such as hdfs://…, by the path or by "
    "ORCH_DATA_ROOT; or mount the folder on every node under the same path, and name it in the "
    "sys_param paths.shared (param_type system)"
)

_STANDALONE = "spark://"
_CLUSTERS = ("yarn", "k8s://", "mesos://")
# 127.0.0.0/8 is this machine, whoever asks.
_LOOPBACK = re.compile(r"localhost(\.localdomain)?|127(\.\d{1,3}){1,3}|\[?(0*:)*0*1\]?")


@dataclass(frozen=True)
class UnsharedPath:
    """A path of this machine among those of a job.

    Attributes:
        where: Its place in context_params, such as `sinks[0].path`.
        path: The path as it is given.
        location: The path, resolved against the data root.
    """

    where: str
    path: str
    location: str

    def __str__(self) -> str:
        shown = with_native_paths(self.location)
        resolved = "" if self.path == self.location else f", which is {shown}"
        return f"{self.where} is {quoted_path(self.path)}{resolved}"


def runs_elsewhere(master: str, own_hosts: Collection[str] = ()) -> bool:
    """Return whether it is known that a master starts executors on other machines.

    The workers of a standalone master on the loopback are on this machine. Those of one that has
    this machine's name may be anywhere, which nobody knows from the name.

    >>> runs_elsewhere("yarn"), runs_elsewhere("local[2]"), runs_elsewhere("spark://127.0.0.1:7077")
    (True, False, False)

    Args:
        master: The value of spark.master.
        own_hosts: The names and addresses of this machine, in lower case.
    """
    master = master.strip()
    if not master.startswith(_STANDALONE):
        return master.startswith(_CLUSTERS)
    hosts = [each.rpartition(":")[0].lower() for each in standalone_addresses(master)]
    return not all(_LOOPBACK.fullmatch(host) or host in own_hosts for host in hosts)


def standalone_addresses(master: str) -> list[str]:
    """Return HOST:PORT of each standalone master.

    >>> standalone_addresses("spark://a:7077,b:7077")
    ['a:7077', 'b:7077']
    """
    return [each.strip() for each in master.strip().removeprefix(_STANDALONE).split(",")]


def unshared_paths(context: ContextParams, base: str, shared: Sequence[str]) -> list[UnsharedPath]:
    """Return the paths of a job that only this machine sees, placeholders as they are.

    Args:
        context: The job's context_params, without faults.
        base: The data root, a location.
        shared: The folders that every node has under the same path (`paths.shared`).
    """
    located = ((where, path, resolve(base, path)) for where, path in _paths(context))
    return [
        UnsharedPath(where, path, location)
        for where, path, location in located
        if is_local(location) and not is_shared(location, shared)
    ]


def _paths(context: ContextParams) -> Iterator[tuple[str, str]]:
    """Yield each path of files with its place; without one, bad records are beside a sink."""
    for number, source in enumerate(context.sources):
        if not source.is_table:
            yield f"sources[{number}].path", source.path
        if source.bad_records and source.bad_records.path:
            yield f"sources[{number}].bad_records.path", source.bad_records.path
    for number, sink in enumerate(context.sinks):
        if sink.is_staged:
            yield f"sinks[{number}].path", sink.path


def is_shared(location: str, shared: Sequence[str]) -> bool:
    """Return whether a local path lies in one of the shared folders."""
    return any(is_within(location, folder) for folder in shared)
