"""The answers of a code server about its repository and its listed jobs, kept from load to load.

Missing: each process that asks a code server requests the whole repository and every listed job,
for which the server makes the snapshot and its text anew each time. Buys: a third of a load of ten
thousand rows that are as they were at the last. Can go when Dagster asks for nothing whose id it
knows.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, ParamSpec, Protocol, TypeVar

from dagster._core.remote_origin import RemoteRepositoryOrigin
from dagster._core.remote_representation.external_data import RepositorySnap
from dagster._serdes import deserialize_value
from dagster_shared.serdes.serdes import get_prefix_for_a_serialized

if TYPE_CHECKING:
    import grpc
    from dagster._grpc.__generated__ import dagster_api_pb2
    from dagster._grpc.server import DagsterApiServer


_P = ParamSpec("_P")
_T = TypeVar("_T")


class Texts(Protocol):
    """The kept texts of snapshots, by the snapshot's id."""

    def get(self, snapshot_id: str) -> str | None:
        """Return a kept text, None if it is not there."""

    def put(self, snapshot_id: str, text: str) -> None:
        """Keep a text."""


def keep_answers(
    repository: str, content: str | None, job_ids: Mapping[str, str], texts: Texts
) -> None:
    """Let the code server of this process, if it is one, answer with kept texts.

    Args:
        repository: The name of the repository.
        content: What tells its snapshot from others, None if it is to be made each time.
        job_ids: The ids of the snapshots of its listed jobs, by their names.
        texts: The kept texts; what the server makes is added.
    """
    served = sys.modules.get("dagster._grpc.server")
    if served is None:
        return
    server = served.DagsterApiServer
    own_job = _original(server.ExternalJob)
    own_repository = _original(server._get_serialized_external_repository_data)

    @functools.wraps(own_job)
    def external_job(
        self: DagsterApiServer,
        request: dagster_api_pb2.ExternalJobRequest,
        context: grpc.ServicerContext,
    ) -> dagster_api_pb2.ExternalJobReply:
        asked = _name(request.serialized_repository_origin)
        known = job_ids.get(request.job_name) if asked == repository else None
        if known and (text := texts.get(known)):
            return served.dagster_api_pb2.ExternalJobReply(serialized_job_data=text)
        reply = own_job(self, request, context)
        if known and reply.serialized_job_data:
            texts.put(known, reply.serialized_job_data)
        return reply

    @functools.wraps(own_repository)
    def repository_data(
        self: DagsterApiServer, request: dagster_api_pb2.ExternalRepositoryRequest
    ) -> str:
        asked = _name(request.serialized_repository_python_origin)
        # Who wants no deferred snapshots gets those of the jobs with it.
        known = content if request.defer_snapshots and asked == repository else None
        if known and (text := texts.get(known)):
            return text
        reply = own_repository(self, request)
        if known and reply.startswith(get_prefix_for_a_serialized(RepositorySnap)):
            texts.put(known, reply)
        return reply

    server.ExternalJob = external_job
    server._get_serialized_external_repository_data = repository_data


def _original(method: Callable[_P, _T]) -> Callable[_P, _T]:
    """Return the server's own method, which a load before this one in the process has wrapped."""
    return getattr(method, "__wrapped__", method)


def _name(serialized_origin: str) -> str:
    return deserialize_value(serialized_origin, RemoteRepositoryOrigin).repository_name
