"""A code server's answers, by Dagster's own server without its process."""

from __future__ import annotations

import sys

import dagster as dg
import pytest
from dagster._core.remote_origin import GrpcServerCodeLocationOrigin, RemoteRepositoryOrigin
from dagster._grpc import server
from dagster._grpc.__generated__ import dagster_api_pb2
from dagster._serdes import serialize_value

from orch_dagster.defs.dagster_internals.kept_answers import keep_answers

REPOSITORY, FIRST, SECOND, MISSING = "orch_dagster", "first", "second", "missing"


class Kept(dict[str, str]):
    """Texts in memory."""

    def put(self, snapshot_id: str, text: str) -> None:
        self[snapshot_id] = text


class Asked:
    """A server of two jobs, which tells of itself or of one of them."""

    def __init__(self, served: server.DagsterApiServer) -> None:
        self._served = served

    def job(self, name: str, repository: str = REPOSITORY) -> str:
        request = dagster_api_pb2.ExternalJobRequest(
            serialized_repository_origin=_origin(repository), job_name=name
        )
        return self._served.ExternalJob(request, None).serialized_job_data  # pyright: ignore[reportArgumentType]

    def repository(self, name: str = REPOSITORY, *, defer: bool = True) -> str:
        request = dagster_api_pb2.ExternalRepositoryRequest(
            serialized_repository_python_origin=_origin(name), defer_snapshots=defer
        )
        whole = self._served.ExternalRepository(request, None)  # pyright: ignore[reportArgumentType]
        events = self._served.StreamingExternalRepository(request, None)  # pyright: ignore[reportArgumentType]
        parts = [each.serialized_external_repository_chunk for each in events]
        assert "".join(parts) == whole.serialized_external_repository_data
        return whole.serialized_external_repository_data


def _origin(repository: str) -> str:
    origin = GrpcServerCodeLocationOrigin(host="localhost", port=1, location_name="here")
    return serialize_value(RemoteRepositoryOrigin(origin, repository))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    for name in ("ExternalJob", "_get_serialized_external_repository_data"):
        original = getattr(server.DagsterApiServer, name)
        monkeypatch.setattr(server.DagsterApiServer, name, original)

    @dg.op
    def step() -> None: ...

    jobs = [dg.GraphDefinition(name=each, node_defs=[step]).to_job() for each in (FIRST, SECOND)]
    repository = dg.Definitions(jobs=jobs).get_repository_def()

    def of_origin(origin: RemoteRepositoryOrigin) -> dg.RepositoryDefinition:
        if origin.repository_name == MISSING:
            raise LookupError(MISSING)
        return repository

    served = object.__new__(server.DagsterApiServer)
    monkeypatch.setattr(served, "_get_repo_for_origin", of_origin)
    monkeypatch.setattr(served, "_logger", server.logging.getLogger("server"), raising=False)
    return Asked(served)


def test_what_the_server_says_of_a_listed_job_is_kept_and_said_again(asked: Asked) -> None:
    kept = Kept()
    own = asked.job(FIRST)
    keep_answers(REPOSITORY, None, {FIRST: "id1", MISSING: "id3"}, kept)
    assert asked.job(FIRST) == own
    assert kept == {"id1": own}
    kept["id1"] = "kept"
    # A reload of the location in this process asks for the texts of now.
    keep_answers(REPOSITORY, None, {FIRST: "id1"}, Kept(id1="kept later"))
    assert asked.job(FIRST) == "kept later"


def test_other_jobs_get_the_server_s_own_answer(asked: Asked) -> None:
    kept = Kept(id1="kept")
    own = asked.job(FIRST)
    keep_answers(REPOSITORY, None, {FIRST: "id1", MISSING: "id3"}, kept)
    assert asked.job(FIRST, "another") == own
    assert FIRST not in asked.job(SECOND)
    # An error is said, and not kept.
    assert asked.job(MISSING) == ""
    assert kept == {"id1": "kept"}


def test_what_the_server_says_of_the_repository_is_kept_and_said_again(asked: Asked) -> None:
    kept = Kept()
    own = asked.repository()
    keep_answers(REPOSITORY, "id", {}, kept)
    assert asked.repository() == own
    assert kept == {"id": own}
    kept["id"] = "kept"
    assert asked.repository() == "kept"
    # The snapshots of the jobs are in it.
    assert len(asked.repository(defer=False)) > len(own)
    assert asked.repository("another") == own
    keep_answers(REPOSITORY, "id", {}, Kept(id="kept later"))
    assert asked.repository() == "kept later"
    keep_answers(REPOSITORY, None, {}, kept)
    assert asked.repository() == own


def test_an_error_of_the_repository_is_not_kept(asked: Asked) -> None:
    kept = Kept()
    keep_answers(MISSING, "id", {}, kept)
    assert "LookupError" in asked.repository(MISSING)
    assert kept == {}


def test_a_process_without_a_server_loads_none(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = asked.job(FIRST)
    monkeypatch.delitem(sys.modules, "dagster._grpc.server")
    keep_answers(REPOSITORY, "id", {FIRST: "id1"}, Kept(id1="kept", id="kept"))
    assert "dagster._grpc.server" not in sys.modules
    assert asked.job(FIRST) == own
