"""A code server's answers for its jobs, by Dagster's own server without its process."""

from __future__ import annotations

import sys
from collections.abc import Callable

import dagster as dg
import pytest
from dagster._core.remote_origin import GrpcServerCodeLocationOrigin, RemoteRepositoryOrigin
from dagster._grpc import server
from dagster._grpc.__generated__ import dagster_api_pb2
from dagster._serdes import serialize_value

from orch_dagster.defs.dagster_internals.job_answers import keep_job_answers

REPOSITORY, FIRST, SECOND, MISSING = "orch_dagster", "first", "second", "missing"
Answer = Callable[..., str]


class Kept(dict[str, str]):
    """Texts in memory."""

    def put(self, snapshot_id: str, text: str) -> None:
        self[snapshot_id] = text


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Answer:
    """Asks a server of two jobs for one of them."""
    monkeypatch.setattr(server.DagsterApiServer, "ExternalJob", server.DagsterApiServer.ExternalJob)

    @dg.op
    def step() -> None: ...

    jobs = [dg.GraphDefinition(name=each, node_defs=[step]).to_job() for each in (FIRST, SECOND)]
    repository = dg.Definitions(jobs=jobs).get_repository_def()
    served = object.__new__(server.DagsterApiServer)
    monkeypatch.setattr(served, "_get_repo_for_origin", lambda _: repository)
    monkeypatch.setattr(served, "_logger", server.logging.getLogger("server"), raising=False)

    def ask(job: str, repository_name: str = REPOSITORY) -> str:
        origin = GrpcServerCodeLocationOrigin(host="localhost", port=1, location_name="here")
        request = dagster_api_pb2.ExternalJobRequest(
            serialized_repository_origin=serialize_value(
                RemoteRepositoryOrigin(origin, repository_name)
            ),
            job_name=job,
        )
        return served.ExternalJob(request, None).serialized_job_data  # pyright: ignore[reportArgumentType]

    return ask


def test_what_the_server_says_of_a_listed_job_is_kept_and_said_again(answer: Answer) -> None:
    kept = Kept()
    own = answer(FIRST)
    keep_job_answers(REPOSITORY, {FIRST: "id1", MISSING: "id3"}, kept)
    assert answer(FIRST) == own
    assert kept == {"id1": own}
    kept["id1"] = "kept"
    # A reload of the location in this process asks for the texts of now.
    keep_job_answers(REPOSITORY, {FIRST: "id1"}, Kept(id1="kept later"))
    assert answer(FIRST) == "kept later"


def test_other_jobs_get_the_server_s_own_answer(answer: Answer) -> None:
    kept = Kept(id1="kept")
    own = answer(FIRST)
    keep_job_answers(REPOSITORY, {FIRST: "id1", MISSING: "id3"}, kept)
    assert answer(FIRST, "another") == own
    assert FIRST not in answer(SECOND)
    # An error is said, and not kept.
    assert answer(MISSING) == ""
    assert kept == {"id1": "kept"}


def test_a_process_without_a_server_loads_none(
    answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = answer(FIRST)
    monkeypatch.delitem(sys.modules, "dagster._grpc.server")
    keep_job_answers(REPOSITORY, {FIRST: "id1"}, Kept(id1="kept"))
    assert "dagster._grpc.server" not in sys.modules
    assert answer(FIRST) == own
